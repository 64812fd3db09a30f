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

/* What tug itself writes about an object is called so in the API's answers. */
static const char *status_word(const struct kind *k)
{
	return k == &kind_node ? "health" : "status";
}

/* The row at a path of the object or of its status ("status.phase" of a pod, "health.cpuUsed" of a node). */
static const struct field *find_row(const struct kind *k, const char *path)
{
	const struct field *f = schema_find(k->schema, path);
	const char *rest = str_after(path, status_word(k));
	return !f && rest && *rest == '.' && k->status ? schema_find(k->status->schema, rest + 1) : f;
}

/* The last word of the path, when it is no field but nearly one: schema_find() takes it for a key of a map. */
static const char *nearest_field(const struct field *f, const char *path)
{
	const char *last = strrchr(path, '.') ? strrchr(path, '.') + 1 : path;
	struct nearest nearest = {.word = last};
	if (!f->item || streq(last, f->name))
		return NULL;
	for (size_t i = 0; i < f->item->n_fields; i++)
		nearest_offer(&nearest, f->item->fields[i].name);
	return nearest.found;
}

static int unknown_field(const struct kind *k, const char *path)
{
	struct nearest nearest = {.word = path};
	for (size_t i = 0; i < k->schema->n_fields; i++)
		nearest_offer(&nearest, k->schema->fields[i].name);
	if (nearest.found)
		return cli_fail(EXIT_NOT_FOUND, "%s has no field %s; did you mean %s.%s?", k->name, path,
		                k->name, nearest.found);
	return cli_fail(EXIT_NOT_FOUND, "%s has no field %s; `tug explain %s` lists them", k->name, path,
	                k->name);
}

static void explain_kind(const struct kind *k)
{
	printf("kind:     %s (%s)\nkeys:     %s%s\n%s\n", k->name, k->plural, k->key_prefix,
	       k->scope == KIND_PROJECT ? "<project>/<name>"
	       : k->scope == KIND_NODE  ? "<node>/<name>"
	                                : "<name>",
	       k->schema->doc ? k->schema->doc : "");
	print_fields(k->schema);
	if (!k->status)
		return;
	printf("\n%s, which tug itself writes:", status_word(k));
	print_fields(k->status->schema);
}

int run_explain(struct cli *c)
{
	char word[256], type[64];
	if (snprintf(word, sizeof(word), "%s", c->args[0]) >= (int)sizeof(word))
		return cli_fail(EXIT_USAGE, "explain: a path is at most %zu bytes", sizeof(word) - 1);
	char *dot = strchr(word, '.');
	if (dot)
		*dot = '\0';
	const struct kind *k = find_kind(word);
	if (!k)
		return EXIT_USAGE;
	if (!dot) {
		explain_kind(k);
		return EXIT_OK;
	}
	const struct field *f = find_row(k, dot + 1);
	if (!f)
		return unknown_field(k, dot + 1);
	const char *nearest = nearest_field(f, dot + 1);
	if (nearest)
		return cli_fail(EXIT_NOT_FOUND, "%s has no field %s; did you mean %s?", f->item->name,
		                strrchr(c->args[0], '.') + 1, nearest);
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
