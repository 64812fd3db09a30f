/* apply, delete, scale and cordon: the commands that change something. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/tug/objects.h"
#include "cmd/tug/source.h"
#include "cmd/tug/wait.h"
#include "core/json.h"
#include "core/mem.h"

/* What a document is about. The project of the command line holds where the document names none. */
struct subject {
	const struct kind *kind;
	const char *project, *name;
};

static int subject_of(struct cli *c, const char *source, const struct document *d, struct subject *ret)
{
	struct error err = {0};
	char said[768];
	const char *word = value_get_string(d->value, "kind");
	const struct kind *k = word ? kind_find(word) : &kind_microservice;
	const char *name = value_get_string(d->value, "name");
	if (value_type(d->value) != VALUE_OBJECT)
		(void)error_set(&err, -EINVAL, "", "an object is wanted, this is %s",
		                value_type_name(value_type(d->value)));
	else if (!k)
		(void)error_set(&err, -EINVAL, "kind", "\"%.100s\" is no kind that tug knows%s%s", word,
		                nearest_kind(word) ? "; did you mean " : "",
		                nearest_kind(word) ? nearest_kind(word) : "");
	else if (!k->desired)
		(void)error_set(&err, -EINVAL, "kind", "a %s is written by tug itself and cannot be applied",
		                k->name);
	else if (!name || !*name)
		(void)error_set(&err, -EINVAL, "name", "it is missing");
	else {
		const char *project = value_get_string(d->value, "project"), *given = cli_project(c);
		*ret = (struct subject){.kind = k,
		                        .name = name,
		                        .project = project ? project
		                                   : given ? given
		                                           : "default"};
		return EXIT_OK;
	}
	document_locate(d, &err);
	(void)cli_fail(EXIT_FAILED, "%s: %s", source, error_format(&err, said, sizeof(said)));
	return EXIT_FAILED;
}

/* The API names the path; the line is known here. */
static int tell_refused(const char *source, const struct document *d, const struct value *reply)
{
	struct error err = {0};
	const char *message = value_get_string(reply, "message"), *path = value_get_string(reply, "path");
	char said[768];
	(void)error_set(&err, -EINVAL, path ? path : "", "%s", message ? message : "refused");
	document_locate(d, &err);
	return cli_fail(EXIT_FAILED, "%s: %s", source, error_format(&err, said, sizeof(said)));
}

/* One document: what it says is put; what to wait for goes into the wait_list in ctx. */
static int apply_one(struct cli *c, const char *source, const struct document *d, void *ctx)
{
	struct subject s;
	int e = subject_of(c, source, d, &s);
	if (e)
		return e;
	_cleanup_str_ struct str path = STR_INIT, body = STR_INIT;
	object_path(&path, s.kind, s.project, s.name);
	bool dry = cli_flag(c, "dry-run") != NULL;
	if (dry)
		str_puts(&path, "?dryRun=1");
	json_print(d->value, JSON_COMPACT, &body);
	_cleanup_reply_ struct reply r;
	e = api_try(c, "PUT", str_get(&path), "application/json", str_get(&body), body.len, 400, &r);
	if (r.status == 400)
		return tell_refused(source, d, r.value);
	if (e)
		return e;
	char how[32];
	(void)snprintf(how, sizeof(how), "%s%s",
	               value_get_bool(r.value, "unchanged") ? "unchanged"
	               : r.status == 201                    ? "created"
	                                                    : "configured",
	               dry ? " (dry run)" : "");
	print_done(c, s.kind, s.name, how, r.value);
	if (!dry && s.kind == &kind_microservice)
		wait_add(ctx, s.project, s.name, value_get_int(r.value, "rev"));
	return EXIT_OK;
}

/* The work of each document first, the waiting then. */
static int and_wait(struct cli *c, int e, const struct wait_list *l,
                    int (*wait)(struct cli *c, const struct wait_list *l))
{
	if (!cli_flag(c, "wait"))
		return e;
	int waited = wait(c, l);
	return e ? e : waited;
}

int run_apply(struct cli *c)
{
	if (!cli_flag(c, "file"))
		return cli_fail(EXIT_USAGE, "apply: name what to apply with -f FILE|DIR|URL|-");
	if (cli_output(c) < 0 || cli_timeout_ms(c, 0) < 0)
		return EXIT_USAGE;
	_cleanup_wait_list_ struct wait_list waits = {0};
	return and_wait(c, each_given(c, apply_one, &waits), &waits, wait_ready);
}

static int delete_object(struct cli *c, const struct subject *s, struct wait_list *waits)
{
	_cleanup_str_ struct str path = STR_INIT;
	object_path(&path, s->kind, s->project, s->name);
	bool ignore = cli_flag(c, "ignore-not-found") != NULL, dry = cli_flag(c, "dry-run") != NULL;
	if (dry)
		str_puts(&path, "?dryRun=1");
	_cleanup_reply_ struct reply r;
	int e = api_try(c, "DELETE", str_get(&path), NULL, NULL, 0, ignore ? 404 : -1, &r);
	if (e == EXIT_NOT_FOUND && ignore)
		return EXIT_OK;
	if (e)
		return e;
	print_done(c, s->kind, s->name, dry ? "deleted (dry run)" : "deleted", r.value);
	if (!dry && s->kind == &kind_microservice)
		wait_add(waits, s->project, s->name, 0);
	return EXIT_OK;
}

static int delete_one(struct cli *c, const char *source, const struct document *d, void *ctx)
{
	struct subject s;
	int e = subject_of(c, source, d, &s);
	return e ? e : delete_object(c, &s, ctx);
}

/* "microservice web api" or "microservice/web node/n1" */
static int delete_named(struct cli *c, struct wait_list *waits)
{
	const struct kind *k = NULL;
	int e = EXIT_OK;
	for (unsigned i = 0; i < c->n_args; i++) {
		char *slash = strchr(c->args[i], '/');
		if (i == 0 || slash) {
			if (slash)
				*slash = '\0';
			if (!(k = find_kind(c->args[i])))
				return EXIT_USAGE;
			if (!k->desired)
				return cli_fail(EXIT_USAGE,
				                "%s are written by tug itself; delete the microservice they "
				                "belong to",
				                k->plural);
			if (!slash)
				continue;
		}
		const char *project = cli_project(c);
		struct subject s = {.kind = k,
		                    .name = slash ? slash + 1 : c->args[i],
		                    .project = project ? project : "default"};
		int one = delete_object(c, &s, waits);
		if (e == EXIT_OK)
			e = one;
	}
	return e;
}

int run_delete(struct cli *c)
{
	if (cli_output(c) < 0 || cli_timeout_ms(c, 0) < 0)
		return EXIT_USAGE;
	bool files = cli_flag(c, "file") != NULL;
	if (files == (c->n_args > 0) || (c->n_args == 1 && !strchr(c->args[0], '/')))
		return cli_fail(EXIT_USAGE, "delete: name a kind and objects (microservice web), or a file "
		                            "with -f");
	_cleanup_wait_list_ struct wait_list waits = {0};
	return and_wait(c, files ? each_given(c, delete_one, &waits) : delete_named(c, &waits), &waits,
	                wait_gone);
}

int run_scale(struct cli *c)
{
	int64_t n;
	if (str_parse_i64(c->args[1], &n) < 0 || n < 0)
		return cli_fail(EXIT_USAGE, "scale: %s is not a number of pods", c->args[1]);
	if (cli_output(c) < 0 || cli_timeout_ms(c, 0) < 0)
		return EXIT_USAGE;
	const char *project = cli_project(c) ? cli_project(c) : "default";
	_cleanup_str_ struct str path = STR_INIT, body = STR_INIT;
	object_path(&path, &kind_microservice, project, c->args[0]);
	str_printf(&body, "{\"scale\":%" PRId64 "}", n);
	_cleanup_reply_ struct reply r;
	int e = api_call(c, "PATCH", str_get(&path), "application/json", str_get(&body), body.len, &r);
	if (e)
		return e;
	char how[48];
	(void)snprintf(how, sizeof(how), "scaled to %" PRId64, n);
	print_done(c, &kind_microservice, c->args[0], how, r.value);
	_cleanup_wait_list_ struct wait_list waits = {0};
	wait_add(&waits, project, c->args[0], value_get_int(r.value, "rev"));
	return and_wait(c, EXIT_OK, &waits, wait_ready);
}

int run_cordon(struct cli *c)
{
	if (cli_output(c) < 0)
		return EXIT_USAGE;
	bool cordon = streq(c->command->name, "cordon");
	_cleanup_str_ struct str path = STR_INIT;
	object_path(&path, &kind_node, NULL, c->args[0]);
	const char *body = cordon ? "{\"state\":\"inactive\"}" : "{\"state\":\"active\"}";
	_cleanup_reply_ struct reply r;
	int e = api_call(c, "PATCH", str_get(&path), "application/json", body, strlen(body), &r);
	if (e == EXIT_OK)
		print_done(c, &kind_node, c->args[0],
		           value_get_bool(r.value, "unchanged") ? "unchanged"
		           : cordon                             ? "cordoned"
		                                                : "uncordoned",
		           r.value);
	return e;
}
