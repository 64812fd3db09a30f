#include "controllers/scheduler/services.h"

#include <stdio.h>

#include "core/mem.h"

/* Pods after what they need: a pod looks its service and its node up. */
const char *const services_prefixes[] = {
        "nodes/",     "health/",    "microservices/", "status/microservices/",
        "endpoints/", "revisions/", "pods/",          "status/pods/",
        NULL};

void services_init(struct services *s, void (*on_touch)(void *ctx, struct service *s, bool status_only),
                   void *ctx)
{
	*s = (struct services){.nodes = nodes_new(), .on_touch = on_touch, .ctx = ctx};
	list_init(&s->unplaced);
}

struct service *services_get(const struct services *s, const char *key)
{
	return map_get(&s->by_key, key);
}

static struct service *service_new(struct services *all, const char *key)
{
	struct service *s = NEW(struct service);
	const char *slash = strchr(key, '/');
	s->key = mem_strdup(key);
	s->project = mem_strndup(key, (size_t)(slash - key));
	s->name = mem_strdup(slash + 1);
	list_init(&s->unplaced);
	(void)map_put(&all->by_key, key, s);
	return s;
}

static struct service *service_ensure(struct services *all, const char *key)
{
	struct service *s = map_get(&all->by_key, key);
	return s ? s : service_new(all, key);
}

static void pod_free(void *p)
{
	struct service_pod *pod = p;
	free(pod->key);
	(void)mirror_entry_unref(pod->entry);
	(void)mirror_entry_unref(pod->status);
	claim_done(&pod->claim);
	free(pod);
}

static void service_free(void *p)
{
	struct service *s = p;
	free(s->key);
	free(s->project);
	free(s->name);
	(void)mirror_entry_unref(s->entry);
	(void)mirror_entry_unref(s->status);
	(void)mirror_entry_unref(s->endpoints);
	for (size_t i = 0; i < s->n_revisions; i++)
		(void)mirror_entry_unref(s->revisions[i]);
	free(s->revisions);
	free(s->pods);
	for (size_t i = 0; i < s->n_reserved; i++) {
		free(s->reserved[i].node);
		claim_done(&s->reserved[i].claim);
	}
	free(s->reserved);
	list_remove(&s->unplaced);
	free(s);
}

void services_done(struct services *s)
{
	map_done(&s->by_key, service_free);
	map_done(&s->pods, pod_free);
	s->nodes = nodes_free(s->nodes);
}

bool services_forget(struct services *s, struct service *service)
{
	if (service->entry || service->status || service->endpoints || service->n_revisions ||
	    service->n_pods || service->n_reserved || service->flight)
		return false;
	(void)map_remove(&s->by_key, service->key);
	service_free(service);
	return true;
}

/* --- reservations --- */

static struct claim claim_copy(const struct claim *c)
{
	struct claim copy = *c;
	copy.ports = c->n_ports ? mem_dup(c->ports, c->n_ports * sizeof(*c->ports)) : NULL;
	return copy;
}

void service_reserve(struct service *s, const char *node, const struct claim *c)
{
	if (s->n_reserved == s->cap_reserved) {
		s->cap_reserved = s->cap_reserved ? 2 * s->cap_reserved : 4;
		s->reserved = mem_realloc_array(s->reserved, s->cap_reserved, sizeof(*s->reserved));
	}
	s->reserved[s->n_reserved++] = (struct reservation){.node = mem_strdup(node), .claim = claim_copy(c)};
}

void service_unreserve(struct services *all, struct service *s)
{
	for (size_t i = 0; i < s->n_reserved; i++) {
		nodes_unbook(all->nodes, s->reserved[i].node, s->key, &s->reserved[i].claim);
		free(s->reserved[i].node);
		claim_done(&s->reserved[i].claim);
	}
	free(s->reserved);
	s->reserved = NULL;
	s->n_reserved = s->cap_reserved = 0;
}

/* --- pods --- */

static const struct pod *pod_of(const struct service_pod *p)
{
	return p->entry->obj;
}

static bool pod_before(const struct service_pod *a, const struct service_pod *b)
{
	if (pod_of(a)->ordinal != pod_of(b)->ordinal)
		return pod_of(a)->ordinal < pod_of(b)->ordinal;
	if (a->entry->create_rev != b->entry->create_rev)
		return a->entry->create_rev < b->entry->create_rev;
	return strcmp(a->key, b->key) < 0; /* made in one transaction */
}

/* Where the pod is, or belongs, in its service's list. */
static size_t pod_place(const struct service *s, const struct service_pod *p)
{
	size_t lo = 0, hi = s->n_pods;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (pod_before(s->pods[mid], p))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void pod_remove(struct services *all, struct service_pod *p)
{
	struct service *s = p->service;
	size_t at = pod_place(s, p);
	memmove(&s->pods[at], &s->pods[at + 1], (s->n_pods - at - 1) * sizeof(struct service_pod *));
	s->n_pods--;
	nodes_unbook(all->nodes, pod_of(p)->node, s->key, &p->claim);
	all->room = true;
	(void)map_remove(&all->pods, p->key);
	pod_free(p);
}

static void pod_add(struct services *all, struct service *s, const char *key, struct mirror_entry *e,
                    struct mirror_entry *status)
{
	struct service_pod *p = NEW(struct service_pod);
	p->service = s;
	p->key = mem_strdup(key);
	p->entry = mirror_entry_ref(e);
	p->status = status;
	claim_init(&p->claim, &pod_of(p)->containers);
	if (s->n_pods == s->cap_pods) {
		s->cap_pods = s->cap_pods ? 2 * s->cap_pods : 4;
		s->pods = mem_realloc_array(s->pods, s->cap_pods, sizeof(struct service_pod *));
	}
	size_t at = pod_place(s, p);
	memmove(&s->pods[at + 1], &s->pods[at], (s->n_pods - at) * sizeof(struct service_pod *));
	s->pods[at] = p;
	s->n_pods++;
	nodes_book(all->nodes, pod_of(p)->node, s->key, &p->claim);
	(void)map_put(&all->pods, key, p);
}

static void feed_pod(struct services *all, const char *key, struct mirror_entry *now)
{
	struct service_pod *was = map_get(&all->pods, key);
	const struct pod *pod = now ? now->obj : NULL;
	bool usable = pod && pod->project && pod->service && pod->node && pod->revision && pod->ordinal >= 0;
	if (was && was->entry == now)
		return;
	struct mirror_entry *status = NULL;
	if (was) {
		struct service *s = was->service;
		status = TAKE_PTR(was->status);
		pod_remove(all, was);
		all->on_touch(all->ctx, s, false);
	}
	if (usable) {
		char service[KEY_SIZE];
		(void)snprintf(service, sizeof(service), "%s/%s", pod->project, pod->service);
		struct service *s = service_ensure(all, service);
		pod_add(all, s, key, now, TAKE_PTR(status));
		all->on_touch(all->ctx, s, false);
	}
	(void)mirror_entry_unref(status);
}

static void feed_pod_status(struct services *all, const char *key, struct mirror_entry *now)
{
	struct service_pod *p = map_get(&all->pods, key);
	if (!p || p->status == now)
		return;
	(void)mirror_entry_unref(p->status);
	p->status = now && now->obj ? mirror_entry_ref(now) : NULL;
	all->on_touch(all->ctx, p->service, true);
}

/* --- what belongs to a service --- */

static void feed_single(struct services *all, const char *key, struct mirror_entry *now, size_t member)
{
	if (!strchr(key, '/'))
		return;
	struct service *s = now ? service_ensure(all, key) : services_get(all, key);
	if (!s)
		return;
	struct mirror_entry **at = (struct mirror_entry **)(void *)((char *)s + member);
	if (*at == now)
		return;
	(void)mirror_entry_unref(*at);
	*at = now ? mirror_entry_ref(now) : NULL;
	all->on_touch(all->ctx, s, false);
}

/* "<project>/<name>/<hash>" */
static void feed_revision(struct services *all, const char *key, struct mirror_entry *now)
{
	char service[KEY_SIZE];
	const char *slash = strrchr(key, '/');
	if (!slash)
		return;
	(void)snprintf(service, sizeof(service), "%.*s", (int)(slash - key), key);
	if (!strchr(service, '/'))
		return;
	struct service *s = now ? service_ensure(all, service) : services_get(all, service);
	if (!s)
		return;
	for (size_t i = 0; i < s->n_revisions; i++) {
		if (!streq(strrchr(s->revisions[i]->key, '/'), slash))
			continue;
		if (s->revisions[i] == now)
			return;
		(void)mirror_entry_unref(s->revisions[i]);
		s->revisions[i] = s->revisions[--s->n_revisions];
		break;
	}
	if (now) {
		if (s->n_revisions == s->cap_revisions) {
			s->cap_revisions = s->cap_revisions ? 2 * s->cap_revisions : 4;
			s->revisions = mem_realloc_array(s->revisions, s->cap_revisions,
			                                 sizeof(struct mirror_entry *));
		}
		s->revisions[s->n_revisions++] = mirror_entry_ref(now);
	}
	all->on_touch(all->ctx, s, false);
}

/* --- nodes --- */

static void touch_by_key(void *ctx, const char *service)
{
	struct services *all = ctx;
	struct service *s = services_get(all, service);
	if (s)
		all->on_touch(all->ctx, s, false);
}

/* True when the node was there and is lost now. */
static bool feed_node(struct services *all, const char *name, const struct mirror_entry *now, bool health,
                      int64_t now_ms)
{
	const struct node_view was = nodes_view(all->nodes, name);
	/* the view borrows from the object that is replaced */
	_cleanup_free_ char *old_address = mem_strdup(was.address);
	if (health)
		nodes_set_health(all->nodes, name, now ? now->obj : NULL, now_ms);
	else
		nodes_set_spec(all->nodes, name, now ? now->obj : NULL);
	const struct node_view view = nodes_view(all->nodes, name);
	bool lost =
	        view.state == PLAN_NODE_LOST && was.state != PLAN_NODE_LOST && was.state != PLAN_NODE_GONE;
	/* a health figure that moved makes no pod fit; anything else may */
	all->room |= !health || was.state != view.state;
	if (was.state != view.state || was.since_ms != view.since_ms || !str_equal(old_address, view.address))
		nodes_services(all->nodes, name, touch_by_key, all);
	return lost;
}

bool services_feed(struct services *s, const char *key, struct mirror_entry *now, int64_t now_ms)
{
	const char *rest;
	if ((rest = str_after(key, "microservices/")) != NULL) {
		feed_single(s, rest, now, offsetof(struct service, entry));
		return false;
	}
	if (now && now->orphan)
		now = NULL;
	if ((rest = str_after(key, "pods/")) != NULL)
		feed_pod(s, rest, now);
	else if ((rest = str_after(key, "status/pods/")) != NULL)
		feed_pod_status(s, rest, now);
	else if ((rest = str_after(key, "status/microservices/")) != NULL)
		feed_single(s, rest, now, offsetof(struct service, status));
	else if ((rest = str_after(key, "endpoints/")) != NULL)
		feed_single(s, rest, now, offsetof(struct service, endpoints));
	else if ((rest = str_after(key, "revisions/")) != NULL)
		feed_revision(s, rest, now);
	else if ((rest = str_after(key, "nodes/")) != NULL)
		return feed_node(s, rest, now, false, now_ms);
	else if ((rest = str_after(key, "health/")) != NULL)
		return feed_node(s, rest, now, true, now_ms);
	return false;
}
