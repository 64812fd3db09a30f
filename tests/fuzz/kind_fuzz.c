/* Any document as every kind: refused with a message, or printed and read again as the same object. */
#include <stdint.h>
#include <stdlib.h>

#include "core/json.h"
#include "kind/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void ignore(_unused_ void *ctx, const char *path, const struct field *f)
{
	must(path[0] && f->pending);
}

/* What is printed is read as the same object, whose print is the same text. */
static void check_identity(const struct kind *k, const void *obj)
{
	_cleanup_str_ struct str text = STR_INIT, second = STR_INIT;
	kind_print(k, obj, &text);
	_cleanup_value_ struct value *v = NULL;
	void *again = NULL;
	must(json_parse(text.data, text.len, &v, NULL) == 0);
	must(kind_parse(k, v, SCHEMA_USER, &again, NULL) == 0);
	must(schema_equal(k->schema, obj, again));
	must(schema_diff(k->schema, obj, again) == CHANGE_NONE);
	must(schema_hash(k->schema, obj, CHANGE_LIVE, SCHEMA_HASH_INIT) ==
	     schema_hash(k->schema, again, CHANGE_LIVE, SCHEMA_HASH_INIT));
	kind_print(k, again, &second);
	must(str_equal(str_get(&text), str_get(&second)));
	kind_free(k, again);
}

/* The same with the defaults written out: a longer text for an equal object. */
static void check_defaults(const struct kind *k, const void *obj)
{
	_cleanup_value_ struct value *v = schema_print(k->schema, obj, PRINT_DEFAULTS | PRINT_SECRETS);
	void *again = NULL;
	must(kind_parse(k, v, SCHEMA_USER, &again, NULL) == 0);
	must(schema_diff(k->schema, obj, again) == CHANGE_NONE);
	kind_free(k, again);
}

static void check_kind(const struct kind *k, const struct document *d)
{
	void *obj = NULL;
	struct error err = {0};
	int r = kind_parse(k, d->value, SCHEMA_USER, &obj, &err);
	must(r == 0 || (err.code == r && err.text[0] && !obj));
	if (r < 0) {
		document_locate(d, &err);
		must(err.line > 0);
		/* what people would refuse a program may have written: it must not crash either */
		if (kind_parse(k, d->value, SCHEMA_STORED, &obj, NULL) < 0)
			return;
	}
	check_identity(k, obj);
	check_defaults(k, obj);
	void *copy = kind_copy(k, obj);
	must(schema_equal(k->schema, obj, copy));
	schema_pending(k->schema, obj, ignore, NULL);
	kind_free(k, obj);
	check_identity(k, copy);
	kind_free(k, copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct document d = {0};
	if (document_parse((const char *)data, size, &d, NULL) < 0)
		return 0;
	for (size_t i = 0; kinds[i]; i++)
		check_kind(kinds[i], &d);
	document_done(&d);
	return 0;
}
