/* The containers of ours and the pods that they make up. */
#include "controllers/runner/engine_docker/docker.h"

#include <inttypes.h>
#include <stdio.h>

#include "controllers/runner/engine_docker/container.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/mem.h"

#define PODS_MAX 10000 /* pods on one node that are followed; more are not ours to have made */

/* --- pods and containers --- */

static uint64_t parse_u64(const char *s)
{
	uint64_t n = 0;
	for (; s && *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	return n;
}

static void container_free(struct docker_container *c)
{
	http_cancel(c->inspect);
	if (c->pod->infra == c)
		c->pod->infra = NULL;
	list_remove(&c->link);
	free(c->name);
	free(c->spec);
	free(c->joined);
	free(c->opens);
	free(c->error);
	free(c->address);
	pairs_done(&c->ports);
	free(c);
}

static void pod_free(struct docker_pod *pod)
{
	list_remove(&pod->changed);
	free(pod->name);
	free(pod->project);
	free(pod->service);
	free(pod->revision);
	free(pod);
}

void state_done(struct docker *d)
{
	map_for_each (e, &d->containers)
		container_free(e->value);
	map_done(&d->containers, NULL);
	map_for_each (e, &d->pods)
		pod_free(e->value);
	map_done(&d->pods, NULL);
}

void state_changed(struct docker *d, struct docker_pod *pod)
{
	if (list_empty(&pod->changed))
		list_append(&d->changed, &pod->changed);
	loop_task_schedule(&d->turn);
}

static struct docker_pod *pod_learn(struct docker *d, const char *name, const char *project,
                                    const struct value *labels)
{
	struct docker_pod *pod = map_get(&d->pods, name);
	if (pod)
		return streq(pod->project, project) ? pod : NULL;
	if (d->pods.count >= PODS_MAX)
		return NULL;
	const char *service = value_get_string(labels, "tug.service"),
	           *revision = value_get_string(labels, "tug.revision");
	pod = NEW(struct docker_pod);
	pod->name = mem_strdup(name);
	pod->project = mem_strdup(project);
	pod->service = mem_strdup(service ? service : "");
	pod->revision = mem_strdup(revision ? revision : "");
	list_init(&pod->members);
	list_init(&pod->changed);
	(void)map_put(&d->pods, name, pod);
	return pod;
}

static struct docker_container *member_find(const struct docker_pod *pod, const char *name)
{
	list_for_each (node, &pod->members) {
		struct docker_container *c = list_entry(node, struct docker_container, link);
		if (streq(c->name, name))
			return c;
	}
	return NULL;
}

struct docker_container *state_find(struct docker *d, const char *pod, const char *container)
{
	struct docker_pod *p = map_get(&d->pods, pod);
	if (!p)
		return NULL;
	return container ? member_find(p, container) : p->infra;
}

static void member_insert(struct docker_pod *pod, struct docker_container *c)
{
	struct list *at = pod->members.next;
	while (at != &pod->members &&
	       strcmp(list_entry(at, struct docker_container, link)->name, c->name) < 0)
		at = at->next;
	list_insert(at, &c->link);
}

struct docker_container *state_learn(struct docker *d, const char *id, const struct value *labels)
{
	const char *node = value_get_string(labels, "tug.node"),
	           *pod_name = value_get_string(labels, "tug.pod");
	const char *project = value_get_string(labels, "tug.project"),
	           *role = value_get_string(labels, "tug.role");
	const char *name = value_get_string(labels, "tug.container"),
	           *spec = value_get_string(labels, "tug.spec");
	if (!node || !streq(node, d->node) || !pod_name || !*pod_name || !project || !role || !name || !id ||
	    strlen(id) != ID_SIZE - 1)
		return NULL;
	struct docker_container *c = map_get(&d->containers, id);
	if (c)
		return c;
	bool infra = streq(role, "infra");
	struct docker_pod *pod = pod_learn(d, pod_name, project, labels);
	/* the name is the lock: a second one for the same place was not made by tug */
	if (!pod || (infra ? pod->infra != NULL : member_find(pod, name) != NULL))
		return NULL;
	c = NEW(struct docker_container);
	list_init(&c->link);
	c->d = d;
	c->pod = pod;
	memcpy(c->id, id, ID_SIZE);
	c->spec = mem_strdup(spec ? spec : "");
	c->opens = mem_strdup(value_get_string(labels, "tug.ports"));
	c->cluster = parse_u64(value_get_string(labels, "tug.cluster"));
	c->rev = (int64_t)parse_u64(value_get_string(labels, "tug.rev"));
	c->born = d->lists;
	c->state = CONTAINER_MISSING;
	if (infra) {
		pod->infra = c;
	} else {
		c->name = mem_strdup(name);
		member_insert(pod, c);
	}
	(void)map_put(&d->containers, id, c);
	return c;
}

void state_removed(struct docker *d, struct docker_container *c)
{
	struct docker_pod *pod = c->pod;
	if (d->listing)
		(void)map_put(&d->removed, c->id, d);
	(void)map_remove(&d->containers, c->id);
	bool inspecting = c->inspect != NULL;
	container_free(c);
	state_changed(d, pod);
	if (inspecting) {
		d->inspects--;
		session_check(d);
	}
}

/* --- inspect --- */

static void on_inspect(void *ctx, const struct http_response *r)
{
	struct docker_container *c = ctx;
	struct docker *d = c->d;
	c->inspect = NULL;
	d->inspects--;
	_cleanup_value_ struct value *v = NULL;
	if (r->result == HTTP_OK && r->status == 404) {
		state_removed(d, c);
	} else if (c->seq != c->inspect_seq) {
		state_inspect(d, c); /* something happened while the reply was on its way: it may be older */
		return;
	} else if (r->result == HTTP_OK && r->status == 200 &&
	           json_parse(r->body, r->body_len, &v, NULL) == 0 &&
	           str_equal(value_get_string(v, "Id"), c->id)) {
		if (container_of_inspect(c, v, d->phase == PHASE_SYNC))
			state_changed(d, c->pod);
	} else {
		/* its lock is held by an operation that hangs, or the engine is: the list tells which */
		session_doubt(d);
		if (c->state == CONTAINER_MISSING) {
			c->state = c->listed;
			c->exits = c->listed == CONTAINER_EXITED ? 1 : 0;
			c->exit_code = -1;
			state_changed(d, c->pod);
		}
	}
	session_check(d);
}

void state_inspect(struct docker *d, struct docker_container *c)
{
	if (c->inspect) { /* its reply will be too old */
		c->seq++;
		return;
	}
	c->inspect_seq = c->seq;
	d->inspects++;
	c->inspect = docker_call(d, d->quick, "GET", mem_printf("/containers/%s/json", c->id), NULL,
	                         DEADLINE_INSPECT, on_inspect, c);
}

void state_inspects_cancel(struct docker *d)
{
	map_for_each (e, &d->containers) {
		struct docker_container *c = e->value;
		http_cancel(TAKE_PTR(c->inspect));
	}
	d->inspects = 0;
}

/* --- list --- */

void state_list_item(struct docker *d, const struct value *item, bool inspect)
{
	const char *id = value_get_string(item, "Id");
	if (!id || map_get(&d->removed, id))
		return;
	struct docker_container *c = state_learn(d, id, value_get(item, "Labels"));
	if (!c)
		return;
	bool paused;
	enum engine_state state = state_of_word(value_get_string(item, "State"), &paused);
	c->listed = state;
	if (container_ports_of_list(c, item))
		state_changed(d, c->pod);
	if (c->state == CONTAINER_MISSING && state == CONTAINER_CREATED) {
		c->state = CONTAINER_CREATED; /* there is nothing more to know */
		state_changed(d, c->pod);
	}
	if (inspect || c->state != state || c->paused != paused)
		state_inspect(d, c);
}

/* Has it the name that its labels stand for? Somebody may have made another one with the same labels. */
static bool has_own_name(const struct value *item)
{
	const struct value *labels = value_get(item, "Labels"), *names = value_get(item, "Names");
	const char *project = value_get_string(labels, "tug.project"),
	           *pod = value_get_string(labels, "tug.pod");
	const char *container = value_get_string(labels, "tug.container");
	if (!project || !pod || !container)
		return false;
	_cleanup_free_ char *own = target_name(project, pod, *container ? container : NULL);
	value_for_each_item (i, name, names) {
		const char *s = value_string(name);
		if (s && streq(*s == '/' ? s + 1 : s, own))
			return true;
	}
	return false;
}

void state_list(struct docker *d, const struct value *items, uint64_t asked, bool inspect_all)
{
	struct map seen = MAP_INIT;
	value_for_each_item (i, item, items) {
		const char *id = value_get_string(item, "Id");
		if (id)
			(void)map_put(&seen, id, item);
	}
	/* what was learned of after the list was asked for may be missing in it */
	for (size_t i = d->containers.count; i-- > 0;) {
		struct docker_container *c = d->containers.entries[i].value;
		if (c->born < asked && !map_get(&seen, c->id))
			state_removed(d, c);
	}
	map_done(&seen, NULL);
	value_for_each_item (k, item, items)
		if (has_own_name(item))
			state_list_item(d, item, inspect_all);
	value_for_each_item (m, other, items) /* renamed by hand: it runs all the same */
		if (!has_own_name(other))
			state_list_item(d, other, inspect_all);
}

/* --- events and replies --- */

void state_event(struct docker *d, const char *action, const char *id, const struct value *attributes,
                 int64_t ns)
{
	enum dialect_event event = dialect_event(action);
	struct docker_container *c = map_get(&d->containers, id);
	if (event == EVENT_REMOVE) {
		if (c)
			state_removed(d, c);
		else if (d->listing)
			(void)map_put(&d->removed, id, d);
		return;
	}
	if (event == EVENT_NONE)
		return;
	bool known = c != NULL;
	if (!known)
		c = state_learn(d, id, attributes);
	if (!c)
		return;
	if (!known && event == EVENT_CREATE) {
		c->state = CONTAINER_CREATED;
		state_changed(d, c->pod);
		return;
	}
	if (event == EVENT_CREATE)
		return;
	c->seq++;
	if (!known || d->phase != PHASE_UP || c->state == CONTAINER_MISSING) {
		state_inspect(d, c);
		return;
	}
	int64_t code = -1;
	const char *text = value_get_string(attributes, "exitCode");
	if (!text)
		text = value_get_string(attributes, "containerExitCode");
	if (text && str_parse_i64(text, &code) < 0)
		code = -1;
	switch (container_of_event(c, event, ns, code)) {
	case NEWS_NONE:
		break;
	case NEWS_STARTED:
		pairs_done(&c->ports); /* a random port is another one after each start */
		c->ports_wanted = true;
		loop_task_schedule(&d->refresh);
		state_changed(d, c->pod);
		break;
	case NEWS_CHANGED:
		state_changed(d, c->pod);
		break;
	case NEWS_LOOK:
		state_inspect(d, c);
		break;
	}
}

void state_started(struct docker *d, struct docker_container *c, uint64_t runs_before)
{
	if (c->runs != runs_before) /* its event was faster than the reply, and what followed it knows more */
		return;
	c->seq++;
	c->state = CONTAINER_RUNNING;
	c->paused = c->oom = false;
	c->exit_code = 0;
	c->started_ns = clock_wall_ms() * 1000000;
	c->finished_ns = 0;
	c->started_exact = false;
	c->started_assumed = true;
	free(c->error);
	c->error = NULL;
	pairs_done(&c->ports);
	c->ports_wanted = true;
	loop_task_schedule(&d->refresh);
	state_changed(d, c->pod);
}

void state_start_failed(struct docker *d, struct docker_container *c, const char *text)
{
	free(c->error);
	c->error = mem_strdup(text);
	state_changed(d, c->pod);
}

/* --- ports of what was started --- */

static void on_refresh(void *ctx, const struct http_response *r)
{
	struct docker *d = ctx;
	d->refreshing = NULL;
	_cleanup_value_ struct value *items = NULL;
	if (r->result != HTTP_OK) {
		session_doubt(d);
		return;
	}
	if (r->status == 200 && json_parse(r->body, r->body_len, &items, NULL) == 0) {
		value_for_each_item (i, item, items) {
			const char *id = value_get_string(item, "Id");
			struct docker_container *c = id ? map_get(&d->containers, id) : NULL;
			/* started again since: the next list is the one that counts */
			if (c && !c->ports_wanted && container_ports_of_list(c, item))
				state_changed(d, c->pod);
		}
	}
	loop_task_schedule(&d->refresh);
}

void state_refresh(void *ctx)
{
	struct docker *d = ctx;
	if (d->refreshing || d->phase != PHASE_UP)
		return;
	struct str filter = STR_INIT;
	size_t n = 0;
	map_for_each (e, &d->containers) {
		struct docker_container *c = e->value;
		if (!c->ports_wanted || n >= 50) /* the request line is bounded; the rest follows */
			continue;
		c->ports_wanted = false;
		str_printf(&filter, "%s\"%s\"", n++ ? "," : "{\"id\":[", c->id);
	}
	if (n) {
		str_puts(&filter, "]}");
		struct str target = STR_INIT;
		str_puts(&target, "/containers/json?all=1&filters=");
		http_escape(&target, filter.data);
		d->refreshing = docker_call(d, d->quick, "GET", str_take(&target), NULL, DEADLINE_LIST,
		                            on_refresh, d);
	}
	str_done(&filter);
}

/* --- reports --- */

bool state_broken(const struct docker_pod *pod)
{
	const struct docker_container *infra = pod->infra;
	list_for_each (node, &pod->members) {
		const struct docker_container *c = list_entry(node, struct docker_container, link);
		if (!c->opens) /* it has a namespace of its own */
			continue;
		if (!infra || (c->joined && !streq(c->joined, infra->id)))
			return true;
		bool runs = c->state == CONTAINER_RUNNING;
		if (runs && (infra->state != CONTAINER_RUNNING || c->started_ns < infra->started_ns))
			return true;
	}
	return false;
}

/* The ports of the infra that belong to one of its members. */
static void ports_of_member(const struct docker_container *c, struct pairs *ret)
{
	const struct docker_container *infra = c->pod->infra;
	for (size_t i = 0; infra && i < infra->ports.count; i++) {
		const char *key = infra->ports.items[i].key, *at = c->opens;
		size_t len = strlen(key);
		while (at && *at) {
			const char *end = strchrnul(at, ',');
			if ((size_t)(end - at) == len && strncmp(at, key, len) == 0)
				pairs_put(ret, key, infra->ports.items[i].value);
			at = *end ? end + 1 : NULL;
		}
	}
}

void state_report(struct docker *d, struct docker_pod *pod)
{
	struct engine_container items[LIMIT_CONTAINERS];
	struct pairs ports[LIMIT_CONTAINERS] = {0};
	size_t n = 0;
	const struct docker_container *first = pod->infra, *oldest = first;
	list_for_each (node, &pod->members) {
		const struct docker_container *c = list_entry(node, struct docker_container, link);
		if (!first)
			first = c;
		/* left-overs of an earlier pod of this name make it that one: it has to go first */
		if (!oldest || c->rev < oldest->rev)
			oldest = c;
		if (c->state == CONTAINER_MISSING || n == LIMIT_CONTAINERS)
			continue;
		if (c->opens)
			ports_of_member(c, &ports[n]);
		items[n] = (struct engine_container){
		        .name = c->name,
		        .state = c->state,
		        .paused = c->paused,
		        .exit_code = c->exit_code,
		        .oom = c->oom,
		        .exits = c->exits,
		        .started_at = c->started_ns / 1000000,
		        .finished_at = c->finished_ns / 1000000,
		        .error = c->error,
		        .ports = c->opens ? &ports[n] : &c->ports,
		};
		n++;
	}
	struct engine_pod report = {
	        .project = pod->project,
	        .name = pod->name,
	        .service = pod->service,
	        .revision = pod->revision,
	        .cluster = oldest ? oldest->cluster : 0,
	        .rev = oldest ? oldest->rev : 0,
	        .address = first ? first->address : NULL,
	        .broken = state_broken(pod),
	        .gone = first == NULL,
	        .containers = items,
	        .n_containers = n,
	};
	bool tell = d->cbs.on_pod && (first || pod->reported);
	pod->reported = true;
	if (tell)
		d->cbs.on_pod(d->ctx, &report);
	for (size_t i = 0; i < n; i++)
		pairs_done(&ports[i]);
	if (!first) {
		(void)map_remove(&d->pods, pod->name);
		pod_free(pod);
	}
}
