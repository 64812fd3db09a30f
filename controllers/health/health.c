#include "controllers/health/health.h"

#include <inttypes.h>
#include <stdlib.h>

#include "controllers/health/plan.h"
#include "controllers/runtime/queue.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "mirror/mirror.h"

#define NODE_LEASE_MS 4000

struct health_reporter {
	struct health_config config; /* its strings are ours */
	struct mirror *mirror;       /* our own record, to see when it is gone or foreign */
	struct store_lease *lease;
	int64_t lease_id; /* 0: none */
	struct store_op *op;
	struct queue *queue;
	struct loop_timer sample_due;
	struct measure samples[2]; /* the last one and the one before */
	unsigned n_samples;
	int64_t cpu_mean, cpu_next; /* before the last sample, and with it */
	int64_t started_wall_ms;
	struct arena arena;
	char key[KEY_SIZE]; /* without the prefix */
	char *full;         /* with it */
	char *writing;
	size_t writing_len;
	int64_t writing_lease;
};

static void take_sample(struct health_reporter *h)
{
	h->samples[1] = h->samples[0];
	measure_now(h->config.data_dir, &h->samples[0]);
	h->n_samples++;
	h->cpu_mean = h->cpu_next; /* however often the last one was planned for, it counts once */
	loop_timer_in(&h->sample_due, HEALTH_SAMPLE_MS);
	queue_add(h->queue, h->key);
}

static void on_sample_due(void *ctx)
{
	take_sample(ctx);
}

static void on_written(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	struct health_reporter *h = ctx;
	h->op = NULL;
	if (outcome == STORE_OK) {
		mirror_wrote(h->mirror, h->key, h->writing, h->writing_len, rev);
		if (h->config.on_ready)
			h->config.on_ready(h->config.ctx);
		if (h->writing_lease != h->lease_id)
			queue_add(h->queue, h->key); /* a new lease came meanwhile */
	} else {
		log_event(LOG_WARN, "health.write", h->config.node, "outcome=%s why=%s",
		          store_outcome_name(outcome), log_quote(err ? err->text : ""));
		queue_retry(h->queue, h->key);
	}
	free(TAKE_PTR(h->writing));
}

static void write_record(struct health_reporter *h, const struct health *record, const char *why)
{
	struct str text = STR_INIT;
	kind_print(&kind_health, record, &text);
	h->writing_len = text.len;
	h->writing = str_take(&text);
	h->writing_lease = h->lease_id;
	struct store_then put = {.what = STORE_PUT,
	                         .key = h->full,
	                         .value = h->writing,
	                         .value_len = h->writing_len,
	                         .lease = h->lease_id};
	struct store_txn txn = {.thens = &put, .n_thens = 1, .retry_safe = true};
	log_event(LOG_DEBUG, "health.report", h->config.node, "cpu=%" PRId64 " why=%s", record->cpuUsed,
	          log_quote(why));
	h->op = store_txn(h->config.store, &txn, on_written, h);
}

static enum queue_result handle(void *ctx, const char *key)
{
	struct health_reporter *h = ctx;
	if (h->op || !h->lease_id || !mirror_synced(h->mirror) || !h->n_samples)
		return QUEUE_DONE; /* the end of each of these adds the key again */
	const struct mirror_entry *e = mirror_get(h->mirror, key);
	/* an orphan is not in the store: its history was undone */
	bool ours = e && !e->orphan && e->lease == h->lease_id;
	struct health_input in = {
	        .sample = &h->samples[0],
	        .previous = h->n_samples > 1 ? &h->samples[1] : NULL,
	        .cpu_mean = h->cpu_mean,
	        .written = ours ? e->obj : NULL,
	        .node = h->config.node,
	        .version = TUG_VERSION,
	        .started_wall_ms = h->started_wall_ms,
	        .now_wall_ms = clock_wall_ms(),
	};
	struct health_plan plan;
	health_plan(&in, &h->arena, &plan);
	h->cpu_next = plan.cpu_mean;
	if (plan.write)
		write_record(h, &plan.record, plan.why);
	arena_reset(&h->arena);
	return QUEUE_DONE;
}

static void on_granted(void *ctx, int64_t lease_id)
{
	struct health_reporter *h = ctx;
	h->lease_id = lease_id;
	queue_add(h->queue, h->key);
}

static void on_lost(void *ctx)
{
	struct health_reporter *h = ctx;
	h->lease_id = 0;
	log_event(LOG_WARN, "lease.lost", h->config.node,
	          "why=\"the store was not reached in time: others count this node as lost\"");
}

static void on_synced(void *ctx)
{
	struct health_reporter *h = ctx;
	queue_add(h->queue, h->key);
}

static void on_change(void *ctx, const char *key, const struct mirror_entry *was _unused_,
                      const struct mirror_entry *now _unused_)
{
	struct health_reporter *h = ctx;
	if (streq(key, h->key))
		queue_add(h->queue, key);
}

static void on_identity(void *ctx, struct store_identity was _unused_, struct store_identity now _unused_)
{
	struct health_reporter *h = ctx;
	queue_add(h->queue, h->key);
}

static const struct mirror_callbacks mirror_callbacks = {
        .on_change = on_change, .on_synced = on_synced, .on_identity = on_identity};
static const struct store_lease_callbacks lease_callbacks = {.on_granted = on_granted, .on_lost = on_lost};

struct health_reporter *health_new(const struct health_config *config)
{
	struct health_reporter *h = NEW(struct health_reporter);
	h->config = *config;
	h->config.root = mem_strdup(config->root);
	h->config.node = mem_strdup(config->node);
	h->config.data_dir = mem_strdup(config->data_dir);
	h->cpu_mean = h->cpu_next = -1;
	h->started_wall_ms = clock_wall_ms();
	(void)key_format(&kind_health, NULL, config->node, h->key, sizeof(h->key));
	h->full = mem_printf("%s/%s", config->root, h->key);
	h->queue = queue_new(config->loop, 1, handle, h);
	loop_timer_init(config->loop, &h->sample_due, on_sample_due, h);
	const char *const prefixes[] = {h->key, NULL};
	h->mirror = mirror_new(config->store, config->root, prefixes, true, &mirror_callbacks, h);
	h->lease = store_lease(config->store, NODE_LEASE_MS, true, &lease_callbacks, h);
	take_sample(h);
	return h;
}

struct health_reporter *health_free(struct health_reporter *h)
{
	if (!h)
		return NULL;
	/* the lease is not revoked: a restart within its time is no loss of the node */
	h->lease = store_lease_free(h->config.store, h->lease, false);
	store_cancel(h->config.store, h->op);
	loop_timer_stop(&h->sample_due);
	h->mirror = mirror_free(h->mirror);
	h->queue = queue_free(h->queue);
	free(h->writing);
	free(h->full);
	arena_done(&h->arena);
	free((char *)(uintptr_t)h->config.root);
	free((char *)(uintptr_t)h->config.node);
	free((char *)(uintptr_t)h->config.data_dir);
	free(h);
	return NULL;
}

static void on_ready(void *ctx)
{
	role_ready(ctx);
}

int health_run(struct role *r)
{
	const struct health_config config = {
	        .loop = r->loop,
	        .store = r->store,
	        .root = r->options.prefix,
	        .node = r->options.node,
	        .data_dir = r->options.data_dir,
	        .on_ready = on_ready,
	        .ctx = r,
	};
	struct health_reporter *h = health_new(&config);
	int status = role_run(r);
	(void)health_free(h);
	return status;
}
