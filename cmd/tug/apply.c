/* apply and delete: documents from files, directories, URLs and stdin. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/tug/objects.h"
#include "core/file.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"

/* What is done to each document: apply_one or delete_one. */
typedef int each_fn(struct cli *c, const char *source, const struct document *d);

static int read_stdin(struct str *out)
{
	char buf[16384];
	size_t n;
	while ((n = fread(buf, 1, sizeof(buf), stdin)) > 0) {
		str_add(out, buf, n);
		if (out->len > LIMIT_STREAM)
			return cli_fail(EXIT_FAILED, "stdin: longer than the bound of %d bytes; divide it",
			                LIMIT_STREAM);
	}
	return EXIT_OK;
}

static int each_document(struct cli *c, const char *source, const struct str *text, each_fn *each)
{
	struct documents all = {0};
	struct error err = {0};
	char said[768];
	if (documents_parse(str_get(text), text->len, &all, &err) < 0)
		return cli_fail(EXIT_FAILED, "%s: %s", source, error_format(&err, said, sizeof(said)));
	int e = EXIT_OK;
	if (all.count == 0)
		e = cli_fail(EXIT_FAILED, "%s: there is no document in it", source);
	for (size_t i = 0; i < all.count; i++) {
		int one = each(c, source, &all.items[i]);
		if (e == EXIT_OK)
			e = one;
	}
	documents_done(&all);
	return e;
}

static int each_source(struct cli *c, const char *source, each_fn *each);

static int is_document_file(const struct dirent *d)
{
	static const char *const endings[] = {".yaml", ".yml", ".json"};
	size_t n = strlen(d->d_name);
	for (size_t i = 0; i < ELEMENTS(endings); i++) {
		size_t m = strlen(endings[i]);
		if (d->d_name[0] != '.' && n > m && streq(d->d_name + n - m, endings[i]))
			return 1;
	}
	return 0;
}

static int each_in_directory(struct cli *c, const char *dir, each_fn *each)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_document_file, alphasort), e = EXIT_OK;
	if (n <= 0)
		e = cli_fail(EXIT_FAILED, "%s: %s", dir,
		             n < 0 ? strerror(errno) : "no .yaml, .yml or .json file in it");
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = mem_printf("%s/%s", dir, names[i]->d_name);
		int one = each_source(c, path, each);
		if (e == EXIT_OK)
			e = one;
		free(names[i]);
	}
	free(names);
	return e;
}

static int each_source(struct cli *c, const char *source, each_fn *each)
{
	_cleanup_str_ struct str text = STR_INIT;
	struct stat st;
	if (streq(source, "-")) {
		int e = read_stdin(&text);
		return e ? e : each_document(c, "stdin", &text, each);
	}
	if (str_after(source, "http://") || str_after(source, "https://")) {
		int e = url_fetch(source, &text);
		return e ? e : each_document(c, source, &text, each);
	}
	if (stat(source, &st) == 0 && S_ISDIR(st.st_mode))
		return each_in_directory(c, source, each);
	int r = file_read(source, LIMIT_STREAM, &text);
	if (r == -E2BIG)
		return cli_fail(EXIT_FAILED, "%s: longer than the bound of %d bytes; divide it", source,
		                LIMIT_STREAM);
	if (r < 0)
		return cli_fail(EXIT_FAILED, "%s: %s", source, strerror(-r));
	return each_document(c, source, &text, each);
}

static int each_given(struct cli *c, each_fn *each)
{
	int e = EXIT_OK;
	for (unsigned i = 0; cli_flag_at(c, "file", i); i++) {
		int one = each_source(c, cli_flag_at(c, "file", i), each);
		if (e == EXIT_OK)
			e = one;
	}
	return e;
}

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
		                kind_nearest(word) ? "; did you mean " : "",
		                kind_nearest(word) ? kind_nearest(word) : "");
	else if (!k->desired)
		(void)error_set(&err, -EINVAL, "kind", "a %s is written by tug itself and cannot be applied",
		                k->name);
	else if (!name || !*name)
		(void)error_set(&err, -EINVAL, "name", "it is missing");
	if (err.code) {
		document_locate(d, &err);
		return cli_fail(EXIT_FAILED, "%s: %s", source, error_format(&err, said, sizeof(said)));
	}
	const char *project = value_get_string(d->value, "project"), *given = cli_project(c);
	*ret = (struct subject){.kind = k,
	                        .name = name,
	                        .project = project ? project
	                                   : given ? given
	                                           : "default"};
	return EXIT_OK;
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

static int apply_one(struct cli *c, const char *source, const struct document *d)
{
	struct subject s;
	int e = subject_of(c, source, d, &s);
	if (e)
		return e;
	_cleanup_str_ struct str path = STR_INIT, body = STR_INIT;
	object_path(&path, s.kind, s.project, s.name);
	if (cli_flag(c, "dry-run"))
		str_puts(&path, "?dryRun=1");
	json_print(d->value, JSON_COMPACT, &body);
	_cleanup_reply_ struct reply r;
	e = api_try(c, "PUT", str_get(&path), "application/json", str_get(&body), body.len, 400, &r);
	if (r.status == 400)
		return tell_refused(source, d, r.value);
	if (e)
		return e;
	const char *how = value_get_bool(r.value, "unchanged") ? "unchanged"
	                  : r.status == 201                    ? "created"
	                                                       : "configured";
	if (cli_output(c) == OUTPUT_NAME)
		printf("%s/%s\n", s.kind->name, s.name);
	else
		printf("%s/%s %s%s\n", s.kind->name, s.name, how, cli_flag(c, "dry-run") ? " (dry run)" : "");
	if (cli_flag(c, "wait") && !cli_flag(c, "dry-run") && s.kind == &kind_microservice)
		return wait_for_service(c, s.project, s.name, value_get_int(r.value, "rev"), false);
	return EXIT_OK;
}

int run_apply(struct cli *c)
{
	if (!cli_flag(c, "file"))
		return cli_fail(EXIT_USAGE, "apply: name what to apply with -f FILE|DIR|URL|-");
	return cli_output(c) < 0 ? EXIT_USAGE : each_given(c, apply_one);
}

static int delete_object(struct cli *c, const struct subject *s)
{
	_cleanup_str_ struct str path = STR_INIT;
	object_path(&path, s->kind, s->project, s->name);
	bool ignore = cli_flag(c, "ignore-not-found") != NULL;
	_cleanup_reply_ struct reply r;
	int e = api_try(c, "DELETE", str_get(&path), NULL, NULL, 0, ignore ? 404 : -1, &r);
	if (e == EXIT_NOT_FOUND && ignore)
		return EXIT_OK;
	if (e)
		return e;
	printf("%s/%s deleted\n", s->kind->name, s->name);
	return EXIT_OK;
}

struct pods_left {
	const char *service, *project;
	struct value *names; /* object: pods that still exist */
	bool synced;
};

static bool on_pod(void *ctx, const char *event, const struct value *v)
{
	struct pods_left *p = ctx;
	const char *name = value_get_string(v, "name");
	if (streq(event, "synced"))
		p->synced = true;
	else if (name && streq(event, "put"))
		value_set(p->names, name, value_new_bool(true));
	else if (name && streq(event, "delete"))
		value_remove(p->names, name);
	return !p->synced || value_count(p->names) > 0;
}

/* Pods are gone when their runners say so: the status of a deleted pod goes last. */
static int wait_until_gone(struct cli *c, const struct subject *s)
{
	int64_t timeout = cli_timeout_ms(c, 300000);
	if (timeout < 0)
		return EXIT_USAGE;
	struct pods_left p = {.service = s->name, .project = s->project, .names = value_new_object()};
	struct sse sse = {.on_event = on_pod, .ctx = &p};
	_cleanup_str_ struct str path = STR_INIT;
	str_puts(&path, "/v1/pods?watch=1&project=");
	url_encode(&path, s->project);
	str_puts(&path, "&service=");
	url_encode(&path, s->name);
	int e = api_stream(c, str_get(&path), timeout, sse_data, &sse);
	sse_done(&sse);
	p.names = value_unref(p.names);
	if (e == EXIT_TIMEOUT)
		return cli_fail(EXIT_TIMEOUT, "%s still has pods", s->name);
	return e;
}

static int delete_and_wait(struct cli *c, const struct subject *s)
{
	int e = delete_object(c, s);
	if (e == EXIT_OK && cli_flag(c, "wait") && s->kind == &kind_microservice)
		e = wait_until_gone(c, s);
	return e;
}

static int delete_one(struct cli *c, const char *source, const struct document *d)
{
	struct subject s;
	int e = subject_of(c, source, d, &s);
	return e ? e : delete_and_wait(c, &s);
}

int run_delete(struct cli *c)
{
	if (cli_flag(c, "file"))
		return each_given(c, delete_one);
	if (c->n_args < 2)
		return cli_fail(EXIT_USAGE, "delete: name a kind and objects, or a file with -f");
	const struct kind *k = find_kind(c->args[0]);
	if (!k)
		return EXIT_USAGE;
	if (!k->desired)
		return cli_fail(EXIT_USAGE,
		                "%s are written by tug itself; delete the microservice they belong to",
		                k->plural);
	int e = EXIT_OK;
	for (unsigned i = 1; i < c->n_args; i++) {
		const char *project = cli_project(c);
		struct subject s = {.kind = k, .name = c->args[i], .project = project ? project : "default"};
		int one = delete_and_wait(c, &s);
		if (e == EXIT_OK)
			e = one;
	}
	return e;
}

int run_scale(struct cli *c)
{
	int64_t n;
	if (str_parse_i64(c->args[1], &n) < 0 || n < 0)
		return cli_fail(EXIT_USAGE, "scale: %s is not a number of pods", c->args[1]);
	const char *project = cli_project(c);
	_cleanup_str_ struct str path = STR_INIT, body = STR_INIT;
	object_path(&path, &kind_microservice, project ? project : "default", c->args[0]);
	str_printf(&body, "{\"scale\":%" PRId64 "}", n);
	_cleanup_reply_ struct reply r;
	int e = api_call(c, "PATCH", str_get(&path), "application/json", str_get(&body), body.len, &r);
	if (e)
		return e;
	printf("microservice/%s scaled to %" PRId64 "\n", c->args[0], n);
	return cli_flag(c, "wait") ? wait_for_service(c, project ? project : "default", c->args[0],
	                                              value_get_int(r.value, "rev"), false)
	                           : EXIT_OK;
}

int run_cordon(struct cli *c)
{
	bool cordon = streq(c->command->name, "cordon");
	_cleanup_str_ struct str path = STR_INIT;
	object_path(&path, &kind_node, NULL, c->args[0]);
	const char *body = cordon ? "{\"state\":\"inactive\"}" : "{\"state\":\"active\"}";
	_cleanup_reply_ struct reply r;
	int e = api_call(c, "PATCH", str_get(&path), "application/json", body, strlen(body), &r);
	if (e == EXIT_OK)
		printf("node/%s %sed\n", c->args[0], c->command->name);
	return e;
}
