#include "controllers/up/register.h"

#include <errno.h>
#include <stdlib.h>

#include "core/file.h"
#include "core/json.h"
#include "core/mem.h"
#include "kind/kind.h"
#include "kind/node.h"

#define RETRY_MS 500

struct registration {
	struct store *store;
	const struct options *options;
	struct store_op *op;
	struct loop_timer retry;
	char *key;
	char machine_id[64];
	struct store_identity at;   /* of the store that it was registered in; 0: of none yet */
	struct store_identity read; /* as of the present attempt */
	void (*on_state)(void *ctx, enum store_state state, const char *text); /* who listened before us */
	void *on_state_ctx;
	void (*on_done)(void *ctx, const char *why_not);
	void *ctx;
};

static void begin(void *ctx);

static void again(struct registration *r)
{
	loop_timer_in(&r->retry, RETRY_MS);
}

static void registered(struct registration *r, int64_t rev)
{
	r->at = r->read;
	r->at.revision = rev;
	r->on_done(r->ctx, NULL);
}

static void on_written(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err _unused_)
{
	struct registration *r = ctx;
	r->op = NULL;
	if (outcome == STORE_OK)
		registered(r, rev);
	else
		again(r); /* somebody else wrote it meanwhile, or nobody knows: look again */
}

/* "k=v,k=v" into the member; false when it is not of that form. */
static bool set_labels(struct value *node, const char *text)
{
	struct value *labels = value_new_object();
	bool ok = true;
	while (*text && ok) {
		size_t n = strcspn(text, ",");
		const char *equals = memchr(text, '=', n);
		ok = equals && equals > text;
		if (ok) {
			_cleanup_free_ char *key = mem_strndup(text, (size_t)(equals - text));
			value_set(labels, key,
			          value_new_string_n(equals + 1, n - (size_t)(equals + 1 - text)));
		}
		text += n + (text[n] == ',');
	}
	value_set(node, "labels", labels);
	return ok;
}

/* What the node's record should be, from what it is (NULL: nothing). NULL with *ret_why when it cannot be. */
static struct value *wanted(const struct registration *r, const struct value *have, const char **ret_why)
{
	const char *id = value_get_string(have, "machineId");
	if (id && *id && r->machine_id[0] && !streq(id, r->machine_id)) {
		*ret_why = "another machine is registered under this name; choose one with --node, or remove "
		           "the old "
		           "one with `tug delete node`";
		return NULL;
	}
	struct value *node = have ? value_copy(have) : value_new_object();
	const struct options *o = r->options;
	value_set(node, "kind", value_new_string("node"));
	value_set(node, "name", value_new_string(o->node));
	if (r->machine_id[0])
		value_set(node, "machineId", value_new_string(r->machine_id));
	if (o->advertise)
		value_set(node, "address", value_new_string(o->advertise));
	else if (!value_get(node, "address"))
		value_set(node, "address", value_new_string("127.0.0.1"));
	if (o->zone)
		value_set(node, "zone", value_new_string(o->zone));
	if (o->labels && !set_labels(node, o->labels)) {
		*ret_why = "--label: write KEY=VALUE";
		return value_unref(node);
	}
	void *obj = NULL;
	struct error err = {0};
	if (kind_parse(&kind_node, node, SCHEMA_STORED, &obj, &err) < 0) {
		*ret_why = "the node's labels or zone are not valid (letters, digits, '-', '_', '.', at most "
		           "63)";
		return value_unref(node);
	}
	(void)kind_free(&kind_node, obj);
	return node;
}

static void on_read(void *ctx, enum store_outcome outcome, const struct store_range *range,
                    const struct error *err _unused_)
{
	struct registration *r = ctx;
	r->op = NULL;
	if (outcome != STORE_OK) {
		again(r);
		return;
	}
	r->read = range->identity;
	if (r->at.cluster_id == r->read.cluster_id && r->at.revision <= r->read.revision)
		return; /* it knows the machine, or people took it out */
	struct document d = {0};
	const struct store_kv *kv = range->count ? &range->kvs[0] : NULL;
	if (kv && document_parse(kv->value, kv->value_len, &d, NULL) < 0) {
		r->on_done(r->ctx, "the node's record in the store does not parse; repair or delete it");
		return;
	}
	const char *why = NULL;
	_cleanup_value_ struct value *node = wanted(r, d.value, &why);
	bool same = node && d.value && value_equal(node, d.value);
	document_done(&d);
	if (same) {
		registered(r, kv->mod_rev);
		return;
	}
	if (!node) {
		r->on_done(r->ctx, why);
		return;
	}
	_cleanup_str_ struct str text = STR_INIT;
	json_print(node, JSON_COMPACT, &text);
	struct store_if unchanged = {.what = STORE_IF_MOD_REV, .key = r->key, .rev = kv ? kv->mod_rev : 0};
	struct store_then put = {
	        .what = STORE_PUT, .key = r->key, .value = str_get(&text), .value_len = text.len};
	struct store_txn txn = {.ifs = &unchanged, .n_ifs = 1, .thens = &put, .n_thens = 1};
	r->op = store_txn(r->store, &txn, on_written, r);
}

static void begin(void *ctx)
{
	struct registration *r = ctx;
	struct store_range_request req = {.key = r->key};
	r->op = store_range(r->store, &req, on_read, r);
}

static void on_state(void *ctx, enum store_state state, const char *text)
{
	struct registration *r = ctx;
	if (r->on_state)
		r->on_state(r->on_state_ctx, state, text);
	if (state == STORE_READY && r->at.cluster_id && !r->op && !loop_timer_active(&r->retry))
		begin(r);
}

static void read_machine_id(struct registration *r)
{
	_cleanup_str_ struct str text = STR_INIT;
	if (file_read("/etc/machine-id", sizeof(r->machine_id) - 1, &text) < 0)
		return;
	size_t n = strspn(str_get(&text), "0123456789abcdef");
	memcpy(r->machine_id, str_get(&text), n);
}

struct registration *registration_new(struct store *s, const struct options *o,
                                      void (*on_done)(void *ctx, const char *why_not), void *ctx)
{
	struct registration *r = NEW(struct registration);
	r->store = s;
	r->options = o;
	r->on_done = on_done;
	r->ctx = ctx;
	char key[KEY_SIZE];
	r->key = mem_printf("%s/%s", o->prefix, key_format(&kind_node, NULL, o->node, key, sizeof(key)));
	read_machine_id(r);
	loop_timer_init(s->loop, &r->retry, begin, r);
	r->on_state = s->on_state;
	r->on_state_ctx = s->on_state_ctx;
	s->on_state = on_state;
	s->on_state_ctx = r;
	begin(r);
	return r;
}

struct registration *registration_free(struct registration *r)
{
	if (!r)
		return NULL;
	r->store->on_state = r->on_state;
	r->store->on_state_ctx = r->on_state_ctx;
	store_cancel(r->store, r->op);
	loop_timer_stop(&r->retry);
	free(r->key);
	free(r);
	return NULL;
}
