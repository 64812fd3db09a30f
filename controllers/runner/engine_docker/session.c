/*
 * The engine is "up" from a complete picture on: the event streams are open, the list is in, every container
 * of ours was looked at once, and the images are known. Whatever happens to a container while that is going
 * on makes it be looked at again, so that a buffered event never contradicts a newer look.
 *
 * A stream that ends or a list that is not answered takes it down; it comes back with jittered back-off.
 */
#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/json.h"
#include "core/mem.h"

#define RETRY_LEAST_MS 50
#define RETRY_MOST_MS  5000
#define RELIST_MS      300000 /* to twice that */
#define API_TESTED     41     /* minor of the newest version that the contract suite has seen */
#define API_OLDEST     24     /* Podman and every Docker since 2016 */

static void session_try(struct docker *d);

/* xorshift64: spreads retries of many nodes; nothing depends on its quality. */
static int64_t jitter(struct docker *d, int64_t least, int64_t most)
{
	d->dice ^= d->dice << 13;
	d->dice ^= d->dice >> 7;
	d->dice ^= d->dice << 17;
	return least + (int64_t)(d->dice % (uint64_t)(most - least + 1));
}

static void close_all(struct docker *d)
{
	http_cancel(TAKE_PTR(d->call));
	http_cancel(TAKE_PTR(d->listing));
	http_cancel(TAKE_PTR(d->images_listing));
	http_cancel(TAKE_PTR(d->refreshing));
	events_close(d);
	state_inspects_cancel(d);
}

void session_lost(struct docker *d, const char *text)
{
	bool was_up = d->phase == PHASE_UP;
	close_all(d);
	d->phase = PHASE_DOWN;
	d->base.up = false;
	/* the first failure is told as well: nobody knows yet how the engine is */
	if (was_up || d->failures == 0) {
		free(d->tell_down);
		d->tell_down = mem_strdup(text);
		d->tell_up = false;
		loop_task_schedule(&d->turn);
	}
	int64_t most = RETRY_LEAST_MS << MIN(d->failures, 7U);
	d->failures++;
	loop_timer_in(&d->retry, jitter(d, RETRY_LEAST_MS / 2, MIN(most, (int64_t)RETRY_MOST_MS)));
}

/* --- the slow list, which also answers doubts --- */

static void on_list(void *ctx, const struct http_response *r)
{
	struct docker *d = ctx;
	d->listing = NULL;
	_cleanup_value_ struct value *items = NULL;
	struct error err = {0};
	if (r->result != HTTP_OK || r->status != 200 || json_parse(r->body, r->body_len, &items, &err) < 0 ||
	    value_type(items) != VALUE_ARRAY) {
		_cleanup_free_ char *text =
		        mem_printf("the list of containers: %s", r->result != HTTP_OK ? r->text
		                                                 : err.text[0]        ? err.text
		                                                                      : r->body);
		session_lost(d, text);
		return;
	}
	bool all = d->phase == PHASE_SYNC;
	state_list(d, items, d->lists, all);
	map_done(&d->removed, NULL);
	d->listed = true;
	session_check(d);
}

static void list_ask(struct docker *d)
{
	if (d->listing)
		return;
	struct str target = STR_INIT;
	str_puts(&target, "/containers/json?all=1&filters=");
	_cleanup_free_ char *filter = mem_printf("{\"label\":[\"tug.node=%s\"]}", d->node);
	http_escape(&target, filter);
	d->lists++;
	map_done(&d->removed, NULL);
	d->listing = docker_call(d, d->quick, "GET", str_take(&target), NULL, DEADLINE_LIST, on_list, d);
}

void session_doubt(struct docker *d)
{
	if (d->phase == PHASE_UP)
		list_ask(d);
}

static void on_retry(void *ctx)
{
	struct docker *d = ctx;
	if (d->phase == PHASE_DOWN) {
		session_try(d);
		return;
	}
	list_ask(d);
	loop_timer_in(&d->retry, jitter(d, RELIST_MS, 2 * RELIST_MS));
}

/* --- coming up --- */

void session_check(struct docker *d)
{
	if (d->phase != PHASE_SYNC || !d->listed || d->inspects || !d->images_listed)
		return;
	d->phase = PHASE_UP;
	d->failures = 0;
	map_for_each (e, &d->pods)
		state_changed(d, e->value);
	d->tell_up = true;
	loop_task_schedule(&d->turn);
	loop_timer_in(&d->retry, jitter(d, RELIST_MS, 2 * RELIST_MS));
}

/* The parts of a reply, or NULL after the session was given up for it. */
static struct value *session_reply(struct docker *d, const char *what, const struct http_response *r)
{
	struct value *v = NULL;
	d->call = NULL;
	if (r->result == HTTP_OK && r->status == 200 && json_parse(r->body, r->body_len, &v, NULL) == 0 &&
	    value_type(v) == VALUE_OBJECT)
		return v;
	(void)value_unref(v);
	_cleanup_free_ char *text = r->result != HTTP_OK ? mem_strdup(r->text)
	                            : r->status == 200
	                                    ? mem_printf("%s is not a JSON object", what)
	                                    : mem_printf("%s: status %d: %.200s", what, r->status, r->body);
	session_lost(d, text);
	return NULL;
}

static void on_info(void *ctx, const struct http_response *r)
{
	struct docker *d = ctx;
	_cleanup_value_ struct value *v = session_reply(d, "GET /info", r);
	if (!v)
		return;
	d->base.info.cpus = CLAMP(value_get_int(v, "NCPU"), (int64_t)0, (int64_t)100000) * 1000;
	d->base.info.memory = value_get_int(v, "MemTotal");
	d->phase = PHASE_SYNC;
	d->listed = d->images_listed = false;
	events_open(d);
	list_ask(d);
	image_list(d);
}

/* "1.41" -> 41; -1 for what is not a version of this API. */
static int64_t minor_of(const char *version)
{
	const char *rest = version ? str_after(version, "1.") : NULL;
	int64_t n;
	return rest && str_parse_i64(rest, &n) == 0 && n >= 0 && n < 1000 ? n : -1;
}

static void on_version(void *ctx, const struct http_response *r)
{
	struct docker *d = ctx;
	_cleanup_value_ struct value *v = session_reply(d, "GET /version", r);
	if (!v)
		return;
	int64_t theirs = minor_of(value_get_string(v, "ApiVersion"));
	int64_t least = minor_of(value_get_string(v, "MinAPIVersion"));
	if (theirs < API_OLDEST) {
		session_lost(d, "the engine's API is older than 1.24, or it is no Docker Engine API at all");
		return;
	}
	(void)snprintf(d->api, sizeof(d->api), "/v1.%" PRId64, MAX(least, MIN(theirs, (int64_t)API_TESTED)));
	d->dialect = dialect_of_version(v);
	const char *version = value_get_string(v, "Version");
	(void)snprintf(d->base.info.name, sizeof(d->base.info.name), "%s", d->dialect->name);
	(void)snprintf(d->base.info.version, sizeof(d->base.info.version), "%s", version ? version : "");
	d->phase = PHASE_INFO;
	d->call = docker_call(d, d->quick, "GET", mem_strdup("/info"), NULL, DEADLINE_VERSION, on_info, d);
}

static void session_try(struct docker *d)
{
	d->phase = PHASE_VERSION;
	d->api[0] = '\0'; /* /version is asked without one: it says which ones there are */
	d->call = docker_call(d, d->quick, "GET", mem_strdup("/version"), NULL, DEADLINE_VERSION, on_version,
	                      d);
}

void session_begin(struct docker *d)
{
	loop_timer_init(d->base.loop, &d->retry, on_retry, d);
	session_try(d);
}

void session_end(struct docker *d)
{
	close_all(d);
	loop_timer_stop(&d->retry);
	map_done(&d->removed, NULL);
}
