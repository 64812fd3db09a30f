#include "controllers/api/write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "controllers/api/body.h"
#include "controllers/api/containeros.h"
#include "controllers/api/feed.h"
#include "controllers/api/object.h"
#include "core/mem.h"

#define WRITE_ATTEMPTS 8    /* when others write the same object at the same time */
#define COPY_WAIT_MS   2000 /* for our own copy to show what was committed, before answering */

enum write_what { WRITE_PUT, WRITE_CREATE, WRITE_PATCH, WRITE_DELETE };

struct write {
	struct list link; /* api->writes */
	struct call *call;
	enum write_what what;
	const struct kind *kind;
	bool dry_run;
	int64_t if_rev;         /* the revision that the client insists on; -1: none */
	struct document patch;  /* WRITE_PATCH */
	struct value *accepted; /* ContainerOS's door: what its answer shows; else NULL */
	char *key, *below;
	struct str text; /* to store */
	unsigned attempts;
	struct store_op *op;
	struct loop_timer timer;
	bool created;
	int64_t rev; /* committed at; 0: not yet */
};

/* What is stored at the key, by the copy or by the store itself. */
struct present {
	bool exists;
	bool certain; /* it is the store's own answer */
	const char *text;
	size_t len;
	int64_t rev;
};

static void step(struct write *w, const struct present *p);

static void write_free(struct write *w)
{
	store_cancel(w->call->api->store, w->op);
	loop_timer_stop(&w->timer);
	list_remove(&w->link);
	document_done(&w->patch);
	value_unref(w->accepted);
	free(w->key);
	free(w->below);
	str_done(&w->text);
	free(w);
}

/* The client left: a transaction under way may still be carried out, as when an answer is lost on the way. */
static void write_gone(struct call *c)
{
	write_free(c->state);
}

static const struct call_ops write_ops = {.on_gone = write_gone};

/* --- answering --- */

static void reply(struct write *w, const char *text, size_t len, int64_t rev, bool unchanged)
{
	struct call *c = w->call;
	if (w->accepted) {
		_cleanup_str_ struct str out = STR_INIT;
		containeros_print_accepted(w->accepted, &out);
		write_free(w);
		call_reply(c, 200, NULL, out.data, out.len);
		return;
	}
	_cleanup_value_ struct value *v = NULL;
	if (w->what == WRITE_DELETE) {
		v = object_name(w->kind, w->below);
		value_set(v, "rev", value_new_int(rev));
		value_set(v, "deleted", value_new_bool(true));
	} else {
		v = object_value(c->api, w->kind, w->below, text, len, rev, false);
	}
	if (unchanged)
		value_set(v, "unchanged", value_new_bool(true));
	if (w->dry_run)
		value_set(v, "dryRun", value_new_bool(true));
	int status = w->created && !w->dry_run ? 201 : 200;
	write_free(w);
	call_reply_value(c, status, v);
}

static void refuse(struct write *w, int status, const struct error *err)
{
	struct call *c = w->call;
	write_free(w);
	call_refuse(c, status, err);
}

static void on_copy_late(void *ctx)
{
	struct write *w = ctx;
	reply(w, str_get(&w->text), w->text.len, w->rev, false);
}

/* Committed. The answer waits until our copy has it, so that the client's next GET does. */
static bool copy_has(const struct write *w, const struct mirror_entry *now)
{
	if (now)
		return (w->what == WRITE_DELETE ? now->create_rev : now->mod_rev) >= w->rev;
	return w->what == WRITE_DELETE || mirror_identity(w->call->api->mirror).revision >= w->rev;
}

void write_changed(struct api *a, const char *key, const struct mirror_entry *now)
{
	const char *below = api_below(a, key);
	list_for_each_safe (node, &a->writes) {
		struct write *w = list_entry(node, struct write, link);
		if (w->rev && streq(w->below, below) && copy_has(w, now))
			reply(w, str_get(&w->text), w->text.len, w->rev, false);
	}
}

static void committed(struct write *w, int64_t rev)
{
	struct api *a = w->call->api;
	feed_wrote(a->feed, rev);
	w->rev = rev;
	if (copy_has(w, mirror_get(a->mirror, w->below)))
		reply(w, str_get(&w->text), w->text.len, rev, false);
	else
		loop_timer_in(&w->timer, COPY_WAIT_MS);
}

/* --- the store --- */

static void on_range(void *ctx, enum store_outcome outcome, const struct store_range *range,
                     const struct error *err)
{
	struct write *w = ctx;
	w->op = NULL;
	if (outcome != STORE_OK) {
		struct call *c = w->call;
		write_free(w);
		call_outcome(c, outcome, err);
		return;
	}
	struct present p = {.certain = true};
	if (range->count) {
		p.exists = true;
		p.text = range->kvs[0].value;
		p.len = range->kvs[0].value_len;
		p.rev = range->kvs[0].mod_rev;
	}
	step(w, &p);
}

static void look(struct write *w)
{
	struct store_range_request req = {.key = w->key, .limit = 1};
	w->op = store_range(w->call->api->store, &req, on_range, w);
}

static void on_txn(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	struct write *w = ctx;
	struct call *c = w->call;
	w->op = NULL;
	if (outcome == STORE_OK) {
		committed(w, rev);
	} else if (outcome == STORE_E_CONFLICT && w->attempts < WRITE_ATTEMPTS) {
		look(w);
	} else {
		write_free(w);
		call_outcome(c, outcome, err);
	}
}

static void submit(struct write *w, const struct present *p)
{
	struct store_if compare = {STORE_IF_MOD_REV, w->key, p->exists ? p->rev : 0};
	struct store_then then = {.what = w->what == WRITE_DELETE ? STORE_DELETE : STORE_PUT, .key = w->key};
	if (w->what != WRITE_DELETE) {
		then.value = w->text.data;
		then.value_len = w->text.len;
	}
	struct store_txn txn = {.ifs = &compare, .n_ifs = 1, .thens = &then, .n_thens = 1};
	w->attempts++;
	w->created = !p->exists;
	w->op = store_txn(w->call->api->store, &txn, on_txn, w);
}

/* --- deciding --- */

/* The patch applied to what is stored becomes the text. 0, or a status with err. */
static int apply_patch(struct write *w, const struct present *p, struct error *err)
{
	struct document now = {0};
	struct route_match *at = &w->call->at;
	if (document_parse(p->text, p->len, &now, err) != 0 || value_type(now.value) != VALUE_OBJECT) {
		char why[1024];
		(void)error_format(err, why, sizeof(why));
		document_done(&now);
		(void)error_set(err, 409, "", "what is stored cannot be patched, replace it (PUT): %.400s",
		                why);
		return 409;
	}
	struct document merged = {.value = value_merge(now.value, w->patch.value), .lines = w->patch.lines};
	_cleanup_free_ char *below = NULL;
	str_clear(&w->text);
	int r = value_type(merged.value) == VALUE_OBJECT
	                ? body_object(w->kind, &merged, at->scope, at->name, &below, &w->text, err)
	                : error_set(err, 400, "", "a merge patch is an object");
	value_unref(merged.value);
	document_done(&now);
	return r;
}

static bool same_object(const struct write *w, const struct present *p)
{
	void *obj = NULL;
	_cleanup_str_ struct str text = STR_INIT;
	if (!p->exists || kind_parse_stored(w->kind, w->below, p->text, p->len, &obj, NULL) != 0)
		return false;
	kind_print(w->kind, obj, &text);
	kind_free(w->kind, obj);
	return text.len == w->text.len && memcmp(str_get(&text), str_get(&w->text), text.len) == 0;
}

/* Why this write cannot be; 0: it can, and the text is ready. */
static int judge(struct write *w, const struct present *p, struct error *err)
{
	const char *noun = w->kind->name, *below = w->below + strlen(w->kind->key_prefix);
	if (w->what == WRITE_CREATE && p->exists)
		return error_set(err, 409, "", "%s %s exists already, at revision %" PRId64, noun, below,
		                 p->rev);
	if ((w->what == WRITE_PATCH || w->what == WRITE_DELETE) && !p->exists)
		return error_set(err, 404, "", "there is no %s %s", noun, below);
	if (w->if_rev > 0 && !p->exists)
		return error_set(err, 409, "", "%s %s does not exist, revision %" PRId64 " was asked for",
		                 noun, below, w->if_rev);
	if (w->if_rev >= 0 && p->exists && w->if_rev != p->rev)
		return error_set(err, 409, "", "%s %s is at revision %" PRId64 ", %" PRId64 " was asked for",
		                 noun, below, p->rev, w->if_rev);
	return w->what == WRITE_PATCH ? apply_patch(w, p, err) : 0;
}

static void step(struct write *w, const struct present *p)
{
	struct error err = {0};
	int status = judge(w, p, &err);
	bool unchanged = status == 0 && w->what != WRITE_DELETE && same_object(w, p);
	if (status == 0 && !unchanged && !w->dry_run)
		submit(w, p);
	else if (!p->certain)
		look(w);
	else if (status != 0)
		refuse(w, status, &err);
	else if (unchanged)
		reply(w, p->text, p->len, p->rev, true);
	else
		reply(w, str_get(&w->text), w->text.len, p->rev, false);
}

/* --- beginning --- */

static struct write *write_new(struct call *c, enum write_what what, const struct kind *k)
{
	struct write *w = NEW(struct write);
	w->call = c;
	w->what = what;
	w->kind = k;
	w->if_rev = -1;
	loop_timer_init(c->api->loop, &w->timer, on_copy_late, w);
	list_append(&c->api->writes, &w->link);
	c->ops = &write_ops;
	c->state = w;
	return w;
}

static void begin(struct write *w)
{
	struct api *a = w->call->api;
	w->key = api_key(a, w->below);
	const struct mirror_entry *m = mirror_synced(a->mirror) ? mirror_get(a->mirror, w->below) : NULL;
	struct present p = {0};
	if (m && !m->orphan)
		p = (struct present){
		        .exists = true, .text = m->value, .len = m->value_len, .rev = m->mod_rev};
	step(w, &p);
}

/* ?rev= or If-Match: "812" */
static int read_condition(struct write *w, struct error *err)
{
	struct call *c = w->call;
	struct http1_slice match = http1_field(c->http->head, "If-Match");
	int r = request_number(&c->req, "rev", &w->if_rev, err);
	if (r == 0)
		r = request_switch(&c->req, "dryRun", &w->dry_run, err);
	if (r != 0 || !match.data)
		return r;
	if (match.len >= 2 && match.data[0] == '"' && match.data[match.len - 1] == '"') {
		match.data++;
		match.len -= 2;
	}
	char text[24] = "";
	for (size_t i = 0; i < match.len && match.len < sizeof(text); i++)
		text[i] = match.data[i];
	int64_t rev = 0;
	if (str_parse_i64(text, &rev) != 0 || rev < 0)
		return error_set(err, -EINVAL, "", "If-Match takes the `rev` of an object, as in \"812\"");
	if (w->if_rev >= 0 && w->if_rev != rev)
		return error_set(err, -EINVAL, "", "If-Match and ?rev= differ");
	w->if_rev = rev;
	return 0;
}

/* The common part of the handlers: path, condition and body. False: answered. */
static bool prepare(struct write *w)
{
	struct call *c = w->call;
	struct error err = {0};
	struct document d = {0};
	int status = read_condition(w, &err) == 0 ? 0 : 400;
	bool has_document = w->what != WRITE_DELETE;
	if (status == 0 && has_document)
		status = body_parse(http1_field(c->http->head, "Content-Type"), c->http->body,
		                    c->http->body_len, &d, &err);
	if (status == 0 && (w->what == WRITE_PUT || w->what == WRITE_CREATE)) {
		status = body_object(w->kind, &d, c->at.scope, c->at.name, &w->below, &w->text, &err);
		document_done(&d);
	} else if (status == 0) {
		struct key_parts parts;
		w->patch = d;
		w->below = mem_printf("%s%s%s%s", w->kind->key_prefix, c->at.scope ? c->at.scope : "",
		                      c->at.scope ? "/" : "", c->at.name);
		if (key_parse(w->kind, w->below, &parts) != 0)
			status = error_set(&err, 404, "", "there is no %s '%s'", w->kind->name, c->at.name);
	}
	if (status == 0)
		return true;
	refuse(w, status, &err);
	return false;
}

static void write_any(struct call *c, enum write_what what)
{
	struct write *w = write_new(c, what, c->at.kind);
	if (prepare(w))
		begin(w);
}

void write_create(struct call *c)
{
	write_any(c, WRITE_CREATE);
}

void write_put(struct call *c)
{
	write_any(c, WRITE_PUT);
}

void write_patch(struct call *c)
{
	write_any(c, WRITE_PATCH);
}

void write_delete(struct call *c)
{
	write_any(c, WRITE_DELETE);
}

void write_accepted(struct call *c, struct value *accepted, struct microservice *m)
{
	struct write *w = write_new(c, WRITE_PUT, &kind_microservice);
	w->accepted = accepted;
	w->below = key_make(w->kind, "default", m->name);
	kind_print(w->kind, m, &w->text);
	kind_free(w->kind, m);
	begin(w);
}
