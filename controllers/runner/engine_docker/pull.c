/* Pulls, merged by reference, and imports. A pull succeeded when its stream ended properly, no line of it was
 * an error and the image is there: each of these alone has been seen to lie. */
#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>

#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"

#define LINE_MAX_         (1 << 20)
#define LAYERS_MAX        1000
#define LAYER_MAX         (INT64_C(1) << 50)
#define PROGRESS_LEAST_MS 100

struct docker_pull {
	struct docker *d;
	char *ref;
	struct list waiters; /* struct pull_op */
	struct http_call *call;
	struct str line; /* of the stream; of a refusal the whole body */
	int status;
	char *error;       /* from a line of the stream */
	struct map layers; /* id -> struct layer */
	int64_t told_at;
	bool telling;
};

struct layer {
	int64_t now, total;
};

struct pull_op {
	struct docker_op op;
	struct list link;
	struct docker_pull *pull; /* NULL: it has ended */
	void (*on_progress)(void *ctx, int64_t now, int64_t total);
};

/* --- a pull --- */

static void pull_free(struct docker_pull *p)
{
	(void)map_remove(&p->d->pulls, p->ref);
	http_cancel(p->call);
	map_done(&p->layers, free);
	str_done(&p->line);
	free(p->error);
	free(p->ref);
	free(p);
}

void pulls_done(struct docker *d)
{
	while (d->pulls.count)
		pull_free(d->pulls.entries[0].value);
	map_done(&d->pulls, NULL);
}

static void pull_end(struct docker_pull *p, enum engine_result result, const struct error *err)
{
	while (!list_empty(&p->waiters)) {
		struct pull_op *w = list_first(&p->waiters, struct pull_op, link);
		list_remove(&w->link);
		w->pull = NULL;
		docker_op_finish(&w->op, result, err);
	}
	pull_free(p);
}

static void on_verified(void *ctx, const struct http_response *r)
{
	struct docker_pull *p = ctx;
	struct error err = {0};
	p->call = NULL;
	if (r->result == HTTP_OK && r->status == 200) {
		image_arrived(p->d, p->ref);
		pull_end(p, ENGINE_OK, NULL);
		return;
	}
	(void)error_set(&err, -EIO, "", "%s was pulled, but is not there: %.200s", p->ref,
	                r->result == HTTP_OK ? r->body : r->text);
	pull_end(p, ENGINE_E_FAILED, &err);
}

static void on_pulled(void *ctx, const struct http_response *r)
{
	struct docker_pull *p = ctx;
	struct docker *d = p->d;
	struct error err = {0};
	enum dialect_hint hint;
	p->call = NULL;
	if (r->result == HTTP_E_CONNECT) {
		(void)error_set(&err, -EIO, "", "the engine: %s", r->text);
		pull_end(p, ENGINE_E_UNAVAILABLE, &err);
	} else if (r->result != HTTP_OK) {
		(void)error_set(&err, -EIO, "", "pull %s: %s", p->ref, r->text);
		pull_end(p, ENGINE_E_FAILED, &err);
	} else if (r->status != 200 || p->error) {
		_cleanup_value_ struct value *body = NULL;
		const char *text = p->error;
		if (!text && json_parse(str_get(&p->line), p->line.len, &body, NULL) == 0)
			text = value_get_string(body, "message");
		if (!text)
			text = str_get(&p->line);
		(void)error_set(&err, -EIO, "", "pull %s: %s", p->ref, text);
		pull_end(p,
		         dialect_error(d->dialect, CALL_PULL, r->status, value_get_string(body, "cause"),
		                       text, NULL, &hint),
		         &err);
	} else {
		p->call = docker_call(d, d->quick, "GET", image_target(p->ref, "/json"), NULL,
		                      DEADLINE_INSPECT, on_verified, p);
	}
}

static void tell_progress(struct docker_pull *p)
{
	int64_t now = 0, total = 0, at = loop_now(p->d->base.loop);
	if (at < p->told_at + PROGRESS_LEAST_MS)
		return;
	p->told_at = at;
	map_for_each (e, &p->layers) {
		const struct layer *l = e->value;
		now += l->now;
		total += l->total;
	}
	p->telling = true;
	list_for_each_safe (node, &p->waiters) {
		struct pull_op *w = list_entry(node, struct pull_op, link);
		if (w->on_progress)
			w->on_progress(w->op.ctx, now, total);
	}
	p->telling = false;
}

static int64_t layer_bytes(const struct value *detail, const char *name)
{
	return MIN(MAX(value_get_int(detail, name), INT64_C(0)), LAYER_MAX);
}

static void pull_line(struct docker_pull *p, const char *text, size_t len)
{
	_cleanup_value_ struct value *v = NULL;
	if (json_parse(text, len, &v, NULL) < 0)
		return;
	const char *error = value_get_string(v, "error"), *id = value_get_string(v, "id");
	const char *status = value_get_string(v, "status");
	const struct value *detail = value_get(v, "progressDetail");
	if (error && !p->error)
		p->error = mem_strdup(error);
	if (!id || !status || !streq(status, "Downloading") || !value_get(detail, "current"))
		return;
	struct layer *l = map_get(&p->layers, id);
	if (!l) {
		if (p->layers.count >= LAYERS_MAX)
			return;
		l = NEW(struct layer);
		(void)map_put(&p->layers, id, l);
	}
	l->now = layer_bytes(detail, "current");
	l->total = layer_bytes(detail, "total");
	tell_progress(p);
}

static void on_pull_head(void *ctx, const struct http1_head *head)
{
	struct docker_pull *p = ctx;
	p->status = head->status;
}

static void on_pull_data(void *ctx, const char *data, size_t len)
{
	struct docker_pull *p = ctx;
	while (len) {
		const char *end = p->status == 200 ? memchr(data, '\n', len) : NULL;
		size_t n = end ? (size_t)(end - data) : len;
		if (p->line.len + n > LINE_MAX_)
			return; /* no line that matters is so long: the rest of it is passed over */
		str_add(&p->line, data, n);
		data += end ? n + 1 : n;
		len -= end ? n + 1 : n;
		if (!end)
			return;
		pull_line(p, str_get(&p->line), p->line.len);
		str_clear(&p->line);
		if (list_empty(&p->waiters)) { /* all were cancelled from on_progress */
			pull_free(p);
			return;
		}
	}
}

/* A pull without a tag would fetch all tags in Docker. */
static char *pull_target(const struct docker *d, const char *ref)
{
	const char *slash = strrchr(ref, '/'), *digest = strchr(ref, '@');
	const char *colon = digest ? NULL : strchr(slash ? slash : ref, ':');
	_cleanup_free_ char *repo = mem_strndup(ref, colon ? (size_t)(colon - ref) : strlen(ref));
	struct str s = STR_INIT;
	str_printf(&s, "%s/images/create?fromImage=", d->api);
	http_escape(&s, repo);
	if (!digest) {
		str_puts(&s, "&tag=");
		http_escape(&s, colon && colon[1] ? colon + 1 : "latest");
	}
	return str_take(&s);
}

static struct docker_pull *pull_begin(struct docker *d, const char *ref)
{
	struct docker_pull *p = NEW(struct docker_pull);
	p->d = d;
	p->ref = mem_strdup(ref);
	list_init(&p->waiters);
	(void)map_put(&d->pulls, ref, p);
	_cleanup_free_ char *target = pull_target(d, ref);
	p->call = http_call(d->streams, &(struct http_request){.method = "POST",
	                                                       .target = target,
	                                                       .idle_ms = DEADLINE_PULL,
	                                                       .on_head = on_pull_head,
	                                                       .on_data = on_pull_data,
	                                                       .on_done = on_pulled,
	                                                       .ctx = p});
	return p;
}

static void pull_op_free(struct docker_op *op)
{
	struct pull_op *w = container_of(op, struct pull_op, op);
	list_remove(&w->link);
	list_remove(&op->link);
	free(w);
}

/* The last one who leaves ends the download. */
static void pull_op_cancel(struct docker_op *op)
{
	struct pull_op *w = container_of(op, struct pull_op, op);
	struct docker_pull *p = w->pull;
	pull_op_free(op);
	if (p && list_empty(&p->waiters) && !p->telling)
		pull_free(p);
}

struct engine_op *image_pull(struct engine *e, const char *ref, void (*on_progress)(void *, int64_t, int64_t),
                             engine_done_fn *done, void *ctx)
{
	struct docker *d = docker_of(e);
	struct pull_op *w = NEW(struct pull_op);
	docker_op_init(d, &w->op, done, ctx, pull_op_cancel, pull_op_free);
	list_init(&w->link);
	w->on_progress = on_progress;
	if (d->phase != PHASE_UP) {
		struct error err = {0};
		(void)error_set(&err, -EAGAIN, "", "the engine is not connected");
		docker_op_finish(&w->op, ENGINE_E_UNAVAILABLE, &err);
		return (struct engine_op *)(void *)w;
	}
	struct docker_pull *p = map_get(&d->pulls, ref);
	if (!p)
		p = pull_begin(d, ref);
	w->pull = p;
	list_append(&p->waiters, &w->link);
	return (struct engine_op *)(void *)w;
}

/* --- import --- */

struct import_op {
	struct docker_op op;
	struct http_call *call;
	char *ref;
};

static void import_free(struct docker_op *op)
{
	struct import_op *i = container_of(op, struct import_op, op);
	http_cancel(i->call);
	list_remove(&op->link);
	free(i->ref);
	free(i);
}

static void on_imported(void *ctx, const struct http_response *r)
{
	struct import_op *i = ctx;
	struct error err = {0};
	i->call = NULL;
	if (r->result == HTTP_OK && r->status == 200 && !strstr(r->body, "\"error\"")) {
		image_arrived(i->op.d, i->ref);
		docker_op_finish(&i->op, ENGINE_OK, NULL);
		return;
	}
	enum engine_result result = docker_reply_error(i->op.d, CALL_IMPORT, r, &err);
	docker_op_finish(&i->op, result ? result : ENGINE_E_FAILED, &err);
}

struct engine_op *image_import(struct engine *e, const char *ref, const char *tar, size_t len,
                               const char *entrypoint, engine_done_fn *done, void *ctx)
{
	static const char *const fields[] = {"Content-Type: application/x-tar", NULL};
	struct docker *d = docker_of(e);
	struct import_op *i = NEW(struct import_op);
	docker_op_init(d, &i->op, done, ctx, import_free, import_free);
	i->ref = mem_strdup(ref);
	if (d->phase != PHASE_UP) {
		struct error err = {0};
		(void)error_set(&err, -EAGAIN, "", "the engine is not connected");
		docker_op_finish(&i->op, ENGINE_E_UNAVAILABLE, &err);
		return (struct engine_op *)(void *)i;
	}
	struct str target = STR_INIT;
	str_printf(&target, "%s/images/create?fromSrc=-&repo=", d->api);
	http_escape(&target, ref);
	if (entrypoint) {
		_cleanup_free_ char *change = mem_printf("ENTRYPOINT %s", entrypoint);
		str_puts(&target, "&changes=");
		http_escape(&target, change);
	}
	i->call = http_call(d->creates, &(struct http_request){.method = "POST",
	                                                       .target = target.data,
	                                                       .fields = fields,
	                                                       .body = tar,
	                                                       .body_len = len,
	                                                       .timeout_ms = DEADLINE_IMPORT,
	                                                       .on_done = on_imported,
	                                                       .ctx = i});
	str_done(&target);
	return (struct engine_op *)(void *)i;
}
