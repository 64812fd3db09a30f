/* What the runner says: statuses to the store, events and log lines for people. */
#include "controllers/runner/shell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

/* --- statuses --- */

/* One transaction on its way; the value is in the mirror once it is through. */
struct status_write {
	struct runner *runner;
	struct store_op *op;
	char *name;
	char *key;   /* without the root */
	char *value; /* NULL: deleted */
	size_t len;
};

static void write_free(struct status_write *w)
{
	free(w->name);
	free(w->key);
	free(w->value);
	free(w);
}

static void on_written(void *ctx, enum store_outcome outcome, int64_t rev, const struct error *err)
{
	struct status_write *w = ctx;
	struct runner *r = w->runner;
	_cleanup_free_ char *name = mem_strdup(w->name);
	(void)map_remove(&r->writes, name);
	if (outcome == STORE_OK)
		mirror_wrote(r->mirror, w->key, w->value, w->len, rev);
	else
		log_event(outcome == STORE_E_CONFLICT ? LOG_DEBUG : LOG_WARN, "status.failed", name,
		          "outcome=%s why=%s", store_outcome_name(outcome), log_quote(err ? err->text : ""));
	write_free(w);
	if (outcome == STORE_OK)
		queue_add(r->queue, name); /* something newer may be waiting */
	else
		queue_retry(r->queue, name);
}

/* guard: what must hold of which key (without the root). */
static void submit(struct runner *r, const char *name, const char *key, struct str *value,
                   enum store_compare what, const char *guard, int64_t rev)
{
	struct status_write *w = NEW(struct status_write);
	w->runner = r;
	w->name = mem_strdup(name);
	w->key = mem_strdup(key);
	w->len = value ? value->len : 0;
	w->value = value ? str_take(value) : NULL;
	_cleanup_free_ char *whole = mem_printf("%s/%s", r->cfg.root, key);
	_cleanup_free_ char *guarded = mem_printf("%s/%s", r->cfg.root, guard);
	const struct store_if cond = {.what = what, .key = guarded, .rev = rev};
	const struct store_then then = {.what = value ? STORE_PUT : STORE_DELETE,
	                                .key = whole,
	                                .value = w->value,
	                                .value_len = w->len};
	/* a second run writes the same again */
	const struct store_txn txn = {.ifs = &cond,
	                              .n_ifs = 1,
	                              .thens = &then,
	                              .n_thens = 1,
	                              .retry_safe = what == STORE_IF_CREATE_REV};
	(void)map_put(&r->writes, name, w);
	w->op = store_txn(r->store, &txn, on_written, w);
}

void report_status(struct runner *r, struct slot *s, const struct plan *p)
{
	s->unsaid = false;
	if (!p->report || !r->synced)
		return;
	char key[KEY_SIZE], pod[KEY_SIZE];
	(void)key_format(&kind_pod_status, r->node, s->name, key, sizeof(key));
	(void)key_format(&kind_pod, r->node, s->name, pod, sizeof(pod));
	const struct mirror_entry *e = mirror_get(r->mirror, key);
	if (e && e->orphan)
		e = NULL;
	const int64_t rev = e ? e->mod_rev : 0;
	if (!s->present && !e)
		return; /* it is going, and nobody asks */
	_cleanup_str_ struct str value = STR_INIT;
	kind_print(&kind_pod_status, &p->status, &value);
	if (e && e->value_len == value.len && memcmp(e->value, str_get(&value), value.len) == 0)
		return;
	if (r->store->state != STORE_READY) {
		s->unsaid = true; /* only the newest, when it is back */
		return;
	}
	if (map_get(&r->writes, s->name))
		return; /* its end brings us back here */
	if (s->present)
		submit(r, s->name, key, &value, STORE_IF_CREATE_REV, pod, s->create_rev);
	else
		submit(r, s->name, key, &value, STORE_IF_MOD_REV, key, rev);
}

enum queue_result report_tidy(struct runner *r, const char *name)
{
	/* the engine comes first: what it reports may be a pod that is held */
	if (!r->synced || !r->engine_up || strlen(name) >= POD_NAME_SIZE || map_get(&r->writes, name))
		return QUEUE_DONE;
	char key[KEY_SIZE], pod[KEY_SIZE];
	const struct mirror_entry *e =
	        mirror_get(r->mirror, key_format(&kind_pod_status, r->node, name, key, sizeof(key)));
	if (!e || e->orphan)
		return QUEUE_DONE;
	if (r->store->state != STORE_READY)
		return QUEUE_RETRY;
	submit(r, name, key, NULL, STORE_IF_CREATE_REV,
	       key_format(&kind_pod, r->node, name, pod, sizeof(pod)), 0);
	return QUEUE_DONE;
}

void report_all(struct runner *r)
{
	map_for_each (e, &r->slots) {
		const struct slot *s = e->value;
		if (s->unsaid)
			queue_add(r->queue, s->name);
	}
}

void report_cancel(struct runner *r)
{
	map_for_each (e, &r->writes) {
		struct status_write *w = e->value;
		store_cancel(r->store, w->op);
		write_free(w);
	}
	map_done(&r->writes, NULL);
	r->writes = MAP_INIT;
}

/* --- events and log --- */

unsigned report_attempts(const struct slot *s)
{
	unsigned most = s->memory.backoff.attempts;
	for (size_t i = 0; s->want && i < s->want->containers.count; i++)
		most = MAX(most, s->memory.containers[i].backoff.attempts);
	return most;
}

void report_event(struct runner *r, const struct slot *s, bool warning, const char *reason, const char *fmt,
                  ...)
{
	char object[256], text[1400];
	const char *project = s->want ? s->want->project : s->have ? s->have->project : "";
	(void)snprintf(object, sizeof(object), "pod/%s/%s", project, s->name);
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	events_add(r->events, warning, object, reason, "%s", text);
}

void report_held(struct runner *r, const struct slot *s)
{
	log_event(LOG_WARN, "pod.held", s->name,
	          "known_cluster=%016" PRIx64 " known_rev=%" PRId64 " cluster=%016" PRIx64 " rev=%" PRId64
	          " why=%s",
	          s->known.cluster, s->known.rev, r->list.cluster, r->list.rev,
	          log_quote("the store is another one or older than the one that this pod is from: it is "
	                    "kept running"));
	report_event(r, s, true, "Held",
	             "The store does not know this pod, but it is not the store that the pod is from, or an "
	             "older state "
	             "of it: the pod is kept running");
}

static void event_of_change(struct runner *r, const struct slot *s, const char *message)
{
	switch (s->memory.step) {
	case STEP_RUNNING:
		report_event(r, s, false, "Started", "Started %zu container%s",
		             s->want ? s->want->containers.count : 0,
		             s->want && s->want->containers.count == 1 ? "" : "s");
		break;
	case STEP_COMPLETED:
		report_event(r, s, false, "Completed", "All containers ended well");
		break;
	case STEP_FAILED:
		report_event(r, s, true, s->memory.reason == REASON_KEEPS_CRASHING ? "BackOff" : "Failed",
		             "%s", message);
		break;
	case STEP_REMOVING:
		report_event(r, s, false, "Killing", "Stopping and removing it");
		break;
	case STEP_NEW:
	case STEP_PULLING:
	case STEP_WAITING:
	case STEP_STARTING:
	case STEP_UNKNOWN:
	case STEP_GONE:
	case STEP_MAX:
		break;
	}
}

void report_change(struct runner *r, struct slot *s, const struct plan *p, enum step was_step,
                   enum reason was_reason, unsigned was_attempts)
{
	const struct plan_memory *m = &s->memory;
	const char *message = p->report && p->status.message ? p->status.message : "";
	bool moved = m->step != was_step, again = m->step == STEP_FAILED && report_attempts(s) > was_attempts;
	if (!moved && m->reason == was_reason && !again)
		return;
	log_event(m->step == STEP_FAILED || m->step == STEP_UNKNOWN ? LOG_WARN : LOG_INFO, "pod.step",
	          s->name, "step=%s was=%s reason=%s attempts=%u why=%s", step_name(m->step),
	          step_name(was_step), reason_words[m->reason], report_attempts(s), log_quote(message));
	/* a new process takes up where the old one was: no news for people */
	if (m->reason != was_reason || again)
		event_of_change(r, s, message);
}
