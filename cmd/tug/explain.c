/* explain: what a kind or a field means, from the kinds' own tables. */
#include <inttypes.h>

#include "cmd/tug/objects.h"

static void print_bounds(const struct field *f)
{
	char a[32], b[32];
	if (f->words) {
		(void)fputs("one of:   ", stdout);
		for (size_t i = 0; f->words[i]; i++)
			printf("%s%s", i ? ", " : "", f->words[i]);
		(void)putchar('\n');
	}
	if (f->dflt)
		printf("default:  %s\n", f->dflt);
	if (f->min == 0 && f->max == 0)
		return;
	if (f->type == FIELD_DURATION)
		printf("bounds:   %s to %s\n", str_format_duration(f->min, a, sizeof(a)),
		       str_format_duration(f->max, b, sizeof(b)));
	else if (f->type == FIELD_BYTES)
		printf("bounds:   %s to %s\n", str_format_bytes(f->min, a, sizeof(a)),
		       str_format_bytes(f->max, b, sizeof(b)));
	else if (f->type == FIELD_CPU)
		printf("bounds:   %g to %g cores\n", (double)f->min / 1000, (double)f->max / 1000);
	else
		printf("bounds:   %" PRId64 " to %" PRId64 "%s\n", f->min, f->max,
		       f->type == FIELD_STRING ? " bytes"
		       : f->type == FIELD_INT  ? ""
		                               : " items");
}

static void print_fields(const struct schema *s)
{
	(void)puts("\nfields:");
	for (size_t i = 0; i < s->n_fields; i++) {
		const struct field *f = &s->fields[i];
		char type[64];
		printf("  %-16s %-24s %s%s%s%s%s\n", f->name, schema_type_name(f, type, sizeof(type)),
		       f->doc ? f->doc : "", f->required ? " (required)" : "", f->dflt ? " (default " : "",
		       f->dflt ? f->dflt : "", f->dflt ? ")" : "");
	}
}

int run_explain(struct cli *c)
{
	char word[256];
	(void)snprintf(word, sizeof(word), "%s", c->args[0]);
	char *dot = strchr(word, '.');
	if (dot)
		*dot = '\0';
	const struct kind *k = find_kind(word);
	if (!k)
		return EXIT_USAGE;
	if (!dot) {
		printf("kind:     %s (%s)\nkeys:     %s%s\n%s\n", k->name, k->plural, k->key_prefix,
		       k->scope == KIND_PROJECT ? "<project>/<name>"
		       : k->scope == KIND_NODE  ? "<node>/<name>"
		                                : "<name>",
		       k->schema->doc ? k->schema->doc : "");
		print_fields(k->schema);
		return EXIT_OK;
	}
	const struct field *f = schema_find(k->schema, dot + 1);
	if (!f)
		return cli_fail(EXIT_NOT_FOUND, "%s has no field %s; `tug explain %s` lists them", k->name,
		                dot + 1, k->name);
	char type[64];
	printf("field:    %s\ntype:     %s%s\n", c->args[0], schema_type_name(f, type, sizeof(type)),
	       f->required ? ", required" : "");
	print_bounds(f);
	if (f->doc)
		printf("%s\n", f->doc);
	if (f->pending)
		printf("It is checked, but not carried out yet: %s\n", f->pending);
	if (f->item)
		print_fields(f->item);
	return EXIT_OK;
}
