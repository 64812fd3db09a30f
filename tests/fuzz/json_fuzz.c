/* Any bytes as JSON: refused with a message, or printed in both styles and read again as the same value. */
#include <stdint.h>
#include <stdlib.h>

#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_style(const struct value *v, enum json_style style)
{
	_cleanup_str_ struct str text = STR_INIT, second = STR_INIT;
	json_print(v, style, &text);
	_cleanup_value_ struct value *again = NULL;
	must(json_parse(text.data, text.len, &again, NULL) == 0);
	must(value_equal(v, again));
	json_print(again, style, &second);
	must(str_equal(str_get(&text), str_get(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_value_ struct value *v = NULL;
	struct error err = {0};
	int r = json_parse((const char *)data, size, &v, &err);
	must((r == 0) == (v != NULL));
	must(r == 0 || (err.code == r && err.text[0]));
	if (r < 0)
		return 0;
	check_style(v, JSON_COMPACT);
	check_style(v, JSON_INDENT);
	_cleanup_value_ struct value *merged = value_merge(v, v);
	_cleanup_value_ struct value *twice = value_merge(merged, v);
	must(value_equal(merged, twice));
	_cleanup_value_ struct value *copy = value_copy(v);
	must(value_equal(v, copy));
	return 0;
}
