/* Any bytes as a stream of documents: refused with a line, or each printed as YAML and read again as the same
 * value. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Every path that leads somewhere has a line, and so has one that does not. */
static void check_lines(const struct document *d)
{
	static const char *const paths[] = {"", "a", "a.b", "a[0].b", "[1]", "x[0][1].y.", ".", "[", "a["};
	for (size_t i = 0; i < ELEMENTS(paths); i++) {
		struct error err = {0};
		(void)error_set(&err, -1, paths[i], "x");
		document_locate(d, &err);
		must(err.line > 0);
	}
}

/* In a list, so that a null is not left out and text is not taken for JSON. */
static void check_print(struct value *v)
{
	_cleanup_value_ struct value *list = value_new_array();
	value_append(list, value_ref(v));
	_cleanup_str_ struct str text = STR_INIT, second = STR_INIT;
	yaml_print(list, &text);
	struct document d = {0};
	int r = document_parse(text.data, text.len, &d, NULL);
	if (r == -E2BIG) /* the list is one level, and one value, more */
		return;
	must(r == 0);
	must(value_equal(d.value, list));
	yaml_print(d.value, &second);
	must(str_equal(str_get(&text), str_get(&second)));
	document_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct documents all = {0};
	struct error err = {0};
	int r = documents_parse((const char *)data, size, &all, &err);
	must(r == 0 || (err.code == r && err.text[0] && !all.items));
	for (size_t i = 0; i < all.count; i++) {
		check_lines(&all.items[i]);
		check_print(all.items[i].value);
	}
	documents_done(&all);
	return 0;
}
