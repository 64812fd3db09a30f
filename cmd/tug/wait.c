#include "cmd/tug/wait.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/tug/objects.h"
#include "core/clock.h"
#include "core/mem.h"

#define DEFAULT_TIMEOUT_MS 300000

struct awaited {
	char *project, *name;
	int64_t rev;
};

/* One stream of changes; the functions below tell `done` from its events. */
struct waiting {
	struct cli *cli;
	const struct awaited *what;
	struct value *pods; /* object: names of pods that still exist */
	bool synced, done, deleted;
	char said[256];
};

void wait_add(struct wait_list *l, const char *project, const char *name, int64_t rev)
{
	l->items = mem_realloc_array(l->items, l->count + 1, sizeof(*l->items));
	l->items[l->count++] =
	        (struct awaited){.project = mem_strdup(project), .name = mem_strdup(name), .rev = rev};
}

void wait_list_done(struct wait_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].project);
		free(l->items[i].name);
	}
	free(l->items);
	*l = (struct wait_list){0};
}

static bool on_service(void *ctx, const char *event, const struct value *v)
{
	struct waiting *w = ctx;
	char state[192], line[256];
	if (streq(event, "synced"))
		return true;
	if (streq(event, "delete")) {
		w->deleted = true;
		(void)cli_fail(EXIT_FAILED, "%s was deleted meanwhile", w->what->name);
		return false;
	}
	const struct value *status = value_get(v, "status");
	bool current = value_get_int(status, "observed") >= w->what->rev;
	(void)service_state(v, state, sizeof(state));
	(void)snprintf(line, sizeof(line), "%s: %s, %" PRId64 "/%" PRId64 " ready", w->what->name,
	               current ? state : "accepted", value_get_int(status, "ready"),
	               value_get_int(status, "desired"));
	if (!streq(line, w->said))
		cli_note(w->cli, "%s", line);
	(void)snprintf(w->said, sizeof(w->said), "%s", line);
	w->done = current && streq(state, "ready");
	return !w->done;
}

/* Pods are gone when their runners say so: the status of a deleted pod goes last. */
static bool on_pod(void *ctx, const char *event, const struct value *v)
{
	struct waiting *w = ctx;
	const char *name = value_get_string(v, "name");
	if (name && streq(event, "put"))
		value_set(w->pods, name, value_new_bool(true));
	else if (name && streq(event, "delete"))
		value_remove(w->pods, name);
	w->synced |= streq(event, "synced"); /* from here on the list is whole */
	w->done = w->synced && value_count(w->pods) == 0;
	return !w->done;
}

/* A second's pause before a server that went away is asked again. */
static void pause_a_second(void)
{
	struct timespec t = {.tv_sec = 1};
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

/*
 * When the time is over, those that were not looked at yet get this much: they may be ready long since. The first events of
 * a stream say how things are.
 */
#define LAST_LOOK_MS 1000

/* A stream ends when the server stops or is restarted: then another is opened, until the time is over. */
static int wait_on(struct waiting *w, const char *path, bool gone, int64_t deadline)
{
	for (int tries = 0; tries < 10; tries++) {
		int64_t left = deadline - clock_monotonic_ms();
		if (left <= 0 && tries > 0)
			return EXIT_TIMEOUT;
		left = MAX(left, LAST_LOOK_MS);
		struct sse sse = {.on_event = gone ? on_pod : on_service, .ctx = w};
		w->synced = false;
		w->pods = value_new_object();
		int e = api_stream(w->cli, path, left, sse_data, &sse);
		sse_done(&sse);
		w->pods = value_unref(w->pods);
		if (w->done)
			return EXIT_OK;
		if (e == EXIT_TIMEOUT || e == EXIT_NOT_FOUND || e == EXIT_USAGE)
			return e;
		if (w->deleted)
			return EXIT_FAILED;
		pause_a_second();
	}
	return EXIT_UNREACHABLE;
}

static int wait_each(struct cli *c, const struct wait_list *l, bool gone)
{
	int64_t timeout = cli_timeout_ms(c, DEFAULT_TIMEOUT_MS);
	if (timeout < 0)
		return EXIT_USAGE;
	int64_t deadline = clock_monotonic_ms() + timeout;
	int worst = EXIT_OK;
	for (size_t i = 0; i < l->count; i++) {
		struct waiting w = {.cli = c, .what = &l->items[i]};
		_cleanup_str_ struct str path = STR_INIT;
		if (gone) {
			str_puts(&path, "/v1/pods?watch=1&project=");
			url_encode(&path, w.what->project);
			str_puts(&path, "&service=");
			url_encode(&path, w.what->name);
		} else {
			object_path(&path, &kind_microservice, w.what->project, w.what->name);
			str_puts(&path, "?watch=1");
		}
		int e = wait_on(&w, str_get(&path), gone, deadline);
		if (e == EXIT_TIMEOUT && gone)
			(void)cli_fail(e, "%s still has pods; `tug ps %s` shows them", w.what->name,
			               w.what->name);
		else if (e == EXIT_TIMEOUT)
			(void)cli_fail(e, "%s was not ready in time; `tug describe microservice %s` says why",
			               w.what->name, w.what->name);
		if (worst == EXIT_OK)
			worst = e;
	}
	return worst;
}

int wait_ready(struct cli *c, const struct wait_list *l)
{
	return wait_each(c, l, false);
}

int wait_gone(struct cli *c, const struct wait_list *l)
{
	return wait_each(c, l, true);
}
