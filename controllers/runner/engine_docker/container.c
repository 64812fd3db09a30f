/* What one reply says about one container, taken over into what is known of it. Counts exits by the identity
 * of runs (when each began), so that one that was missed counts once and one that was seen is not counted
 * again. */
#include "controllers/runner/engine_docker/container.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "core/limits.h"
#include "core/mem.h"

int64_t time_parse(const char *s)
{
	struct tm tm = {0};
	int n = 0, year = 0, zone_h = 0, zone_m = 0;
	if (!s || strlen(s) > 40 ||
	    sscanf(s, "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
	           &tm.tm_sec, &n) != 6)
		return 0;
	if (year < 1970 || year > 2200) /* "0001-01-01T00:00:00Z": never */
		return 0;
	int64_t frac = 0, unit = 100000000;
	const char *p = s + n;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			frac += (*p - '0') * unit;
	char sign = *p;
	if (sign == '+' || sign == '-') {
		if (sscanf(p + 1, "%2d:%2d", &zone_h, &zone_m) != 2 || zone_h < 0 || zone_m < 0)
			return 0;
	} else if (sign != 'Z') {
		return 0;
	}
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	int64_t zone = (int64_t)(zone_h * 3600 + zone_m * 60) * (sign == '-' ? -1 : 1);
	return ((int64_t)timegm(&tm) - zone) * 1000000000 + frac;
}

enum engine_state state_of_word(const char *word, bool *ret_paused)
{
	*ret_paused = false;
	if (!word || streq(word, "created") || streq(word, "configured") || streq(word, "initialized"))
		return CONTAINER_CREATED;
	*ret_paused = streq(word, "paused");
	if (*ret_paused || streq(word, "running") || streq(word, "restarting") || streq(word, "stopping"))
		return CONTAINER_RUNNING;
	return CONTAINER_EXITED; /* exited, stopped, dead, removing */
}

/* --- ports --- */

void pairs_done(struct pairs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].key);
		free(p->items[i].value);
	}
	free(p->items);
	*p = (struct pairs){0};
}

void pairs_put(struct pairs *p, const char *key, const char *value)
{
	size_t at = 0;
	while (at < p->count && strcmp(p->items[at].key, key) < 0)
		at++;
	if (at < p->count && streq(p->items[at].key, key))
		return;
	p->items = mem_realloc_array(p->items, p->count + 1, sizeof(*p->items));
	memmove(p->items + at + 1, p->items + at, (p->count - at) * sizeof(*p->items));
	p->items[at] = (struct pair){.key = mem_strdup(key), .value = mem_strdup(value)};
	p->count++;
}

static bool pairs_same(const struct pairs *a, const struct pairs *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!streq(a->items[i].key, b->items[i].key) || !streq(a->items[i].value, b->items[i].value))
			return false;
	return true;
}

/* Takes over p. */
static bool set_ports(struct docker_container *c, struct pairs *p)
{
	bool same = pairs_same(&c->ports, p);
	pairs_done(&c->ports);
	c->ports = *p;
	return !same;
}

static bool set_address(struct docker_container *c, const struct value *networks, const char *address)
{
	value_for_each (it, networks) {
		const char *own = value_get_string(value_iter_value(it), "IPAddress");
		if (own && *own && (!address || !*address))
			address = own;
	}
	if (address && !*address)
		address = NULL;
	if (str_equal(c->address, address))
		return false;
	free(c->address);
	c->address = mem_strdup(address);
	return true;
}

bool container_ports_of_list(struct docker_container *c, const struct value *item)
{
	struct pairs p = {0};
	const struct value *ports = value_get(item, "Ports");
	value_for_each_item (i, port, ports) {
		int64_t inside = value_get_int(port, "PrivatePort"),
		        outside = value_get_int(port, "PublicPort");
		const char *type = value_get_string(port, "Type");
		char key[48], text[24];
		if (!outside || !type || p.count >= LIMIT_PORTS)
			continue;
		(void)snprintf(key, sizeof(key), "%" PRId64 "/%.8s", inside, type);
		(void)snprintf(text, sizeof(text), "%" PRId64, outside);
		pairs_put(&p, key, text);
	}
	bool changed = set_ports(c, &p);
	const struct value *networks = value_get(value_get(item, "NetworkSettings"), "Networks");
	return set_address(c, networks, NULL) || changed;
}

static bool ports_of_inspect(struct docker_container *c, const struct value *settings)
{
	struct pairs p = {0};
	const struct value *ports = value_get(settings, "Ports");
	value_for_each (it, ports) {
		const struct value *bindings = value_iter_value(it);
		const char *outside = value_get_string(value_at(bindings, 0), "HostPort");
		if (outside && *outside && p.count < LIMIT_PORTS)
			pairs_put(&p, value_iter_name(it), outside);
	}
	bool changed = set_ports(c, &p);
	return set_address(c, value_get(settings, "Networks"), value_get_string(settings, "IPAddress")) ||
	       changed;
}

/* --- inspect --- */

/* How many exits lie between what was known and what is seen now. */
static uint64_t exits_between(const struct docker_container *c, enum engine_state now, bool new_run,
                              int64_t restarts)
{
	bool ended = now == CONTAINER_EXITED;
	switch (c->state) {
	case CONTAINER_MISSING: /* the first look: what can be seen */
		return (ended ? 1 : 0) + (uint64_t)MAX(restarts, (int64_t)0);
	case CONTAINER_CREATED:
		return ended ? 1 : 0;
	case CONTAINER_RUNNING:
		return (ended ? 1 : 0) + (new_run ? (uint64_t)MAX(restarts, (int64_t)1) : 0);
	case CONTAINER_EXITED:
		return ended && new_run ? 1 : 0;
	}
	return 0;
}

bool container_of_inspect(struct docker_container *c, const struct value *v, bool engine_restarted)
{
	const struct value *state = value_get(v, "State");
	int64_t started = time_parse(value_get_string(state, "StartedAt"));
	int64_t finished = time_parse(value_get_string(state, "FinishedAt"));
	int64_t restarts = MIN(MAX(value_get_int(v, "RestartCount"), INT64_C(0)), (int64_t)INT32_MAX);
	bool paused;
	enum engine_state now = state_of_word(value_get_string(state, "Status"), &paused);
	int64_t code = value_get_int(state, "ExitCode");
	bool new_run = started && (c->started_exact ? started != c->started_ns : started > c->started_ns);
	c->runs += new_run;
	uint64_t exits = exits_between(c, now, new_run, restarts - c->restart_count);
	/* a shim that was not found again: the engine says 255 for every program, even for one that had ended */
	if (now == CONTAINER_EXITED && engine_restarted && code == 255) {
		if (c->state == CONTAINER_RUNNING)
			code = -1;
		else if (c->state == CONTAINER_EXITED && !new_run)
			code = c->exit_code;
	}
	if (now != CONTAINER_EXITED)
		code = 0;
	const char *error = value_get_string(state, "Error");
	if (now == CONTAINER_RUNNING || (error && !*error))
		error = NULL;
	bool oom = now == CONTAINER_EXITED && value_get_bool(state, "OOMKilled");
	bool changed = exits || now != c->state || paused != c->paused || !str_equal(error, c->error) ||
	               (now == CONTAINER_EXITED && (code != c->exit_code || oom != c->oom)) ||
	               started / 1000000 != c->started_ns / 1000000;
	c->exits += exits;
	c->state = now;
	c->paused = paused;
	c->exit_code = code;
	c->oom = oom;
	c->started_ns = started;
	c->started_exact = true;
	c->started_assumed = false;
	c->finished_ns = now == CONTAINER_RUNNING ? 0 : finished;
	c->restart_count = restarts;
	if (!str_equal(error, c->error)) {
		free(c->error);
		c->error = mem_strdup(error);
	}
	c->tty = value_get_bool(value_get(v, "Config"), "Tty");
	const char *mode = value_get_string(value_get(v, "HostConfig"), "NetworkMode");
	const char *joined = mode ? str_after(mode, "container:") : NULL;
	free(c->joined);
	c->joined = mem_strdup(joined);
	return ports_of_inspect(c, value_get(v, "NetworkSettings")) || changed;
}

/* --- events --- */

enum container_news container_of_event(struct docker_container *c, enum dialect_event event, int64_t ns,
                                       int64_t exit_code)
{
	switch (event) {
	case EVENT_START:
		c->runs++;
		if (c->state == CONTAINER_RUNNING) {
			if (!c->started_assumed)
				return NEWS_NONE; /* a repeat of what inspect said */
			c->started_assumed = false;
			c->started_ns = ns;
			return NEWS_CHANGED;
		}
		/* late news of a run that inspect saw from its begin to its end, or a new one? */
		if (c->state == CONTAINER_EXITED && c->started_exact && ns - c->started_ns < 2000000000)
			return NEWS_LOOK;
		c->state = CONTAINER_RUNNING;
		c->paused = c->oom = false;
		c->exit_code = 0;
		c->started_ns = ns;
		c->finished_ns = 0;
		c->started_exact = c->started_assumed = false;
		free(c->error);
		c->error = NULL;
		return NEWS_STARTED;
	case EVENT_DIE:
		if (c->state == CONTAINER_RUNNING &&
		    (c->started_assumed || (c->started_exact && ns < c->started_ns)))
			return NEWS_NONE; /* of an earlier run: the event of this one's start is still to come */
		if (c->state == CONTAINER_EXITED)
			return NEWS_NONE;
		if (c->state == CONTAINER_CREATED)
			return NEWS_LOOK; /* the start was missed */
		c->state = CONTAINER_EXITED;
		c->paused = c->started_assumed = false;
		c->exits++;
		c->exit_code = exit_code;
		c->finished_ns = ns;
		return NEWS_CHANGED;
	case EVENT_OOM: /* comes before its die */
		c->oom = true;
		return NEWS_NONE;
	case EVENT_PAUSE:
	case EVENT_UNPAUSE: {
		bool paused = event == EVENT_PAUSE;
		if (c->state != CONTAINER_RUNNING || c->paused == paused)
			return NEWS_NONE;
		c->paused = paused;
		return NEWS_CHANGED;
	}
	case EVENT_NONE:
	case EVENT_CREATE:
	case EVENT_REMOVE:
		break;
	}
	return NEWS_NONE;
}
