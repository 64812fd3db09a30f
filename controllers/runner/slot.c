#include "controllers/runner/slot.h"

#include <stdlib.h>

#include "core/mem.h"

/* --- a copy of the engine's report --- */

static struct pairs *pairs_dup(const struct pairs *from)
{
	if (!from)
		return NULL;
	struct pairs *p = NEW(struct pairs);
	p->count = from->count;
	p->items = mem_zalloc((from->count + 1) * sizeof(*p->items));
	for (size_t i = 0; i < from->count; i++) {
		p->items[i].key = mem_strdup(from->items[i].key);
		p->items[i].value = mem_strdup(from->items[i].value);
	}
	return p;
}

static void pairs_free(struct pairs *p)
{
	for (size_t i = 0; p && i < p->count; i++) {
		free(p->items[i].key);
		free(p->items[i].value);
	}
	if (p)
		free(p->items);
	free(p);
}

/* The report's members are const for its readers; this is the owner. */
static void drop(const void *p)
{
	free((void *)(uintptr_t)p);
}

static struct engine_pod *have_free(struct engine_pod *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->n_containers; i++) {
		const struct engine_container *c = &p->containers[i];
		drop(c->name);
		drop(c->error);
		pairs_free((struct pairs *)(uintptr_t)c->ports);
	}
	drop(p->containers);
	drop(p->project);
	drop(p->name);
	drop(p->service);
	drop(p->revision);
	drop(p->address);
	free(p);
	return NULL;
}

static struct engine_pod *have_dup(const struct engine_pod *from)
{
	struct engine_pod *p = mem_dup(from, sizeof(*from));
	p->project = mem_strdup(from->project);
	p->name = mem_strdup(from->name);
	p->service = mem_strdup(from->service);
	p->revision = mem_strdup(from->revision);
	p->address = mem_strdup(from->address);
	struct engine_container *items = mem_zalloc((from->n_containers + 1) * sizeof(*items));
	for (size_t i = 0; i < from->n_containers; i++) {
		items[i] = from->containers[i];
		items[i].name = mem_strdup(items[i].name);
		items[i].error = mem_strdup(items[i].error);
		items[i].ports = pairs_dup(items[i].ports);
	}
	p->containers = items;
	return p;
}

/* --- slots --- */

struct slot *slot_new(struct runner *r, const char *name)
{
	struct slot *s = NEW(struct slot);
	s->runner = r;
	s->name = mem_strdup(name);
	list_init(&s->works);
	return s;
}

void slot_free(struct slot *s, struct engine *e)
{
	list_for_each_safe (node, &s->works) {
		struct work *w = list_entry(node, struct work, link);
		if (e)
			e->ops->cancel(e, w->op);
		work_free(w);
	}
	have_free(s->have);
	kind_free(&kind_pod, s->want);
	free(s->text);
	free(s->invalid);
	free(s->name);
	free(s);
}

/* The memory goes by container: another set of containers is another pod. */
static bool same_containers(const struct pod *a, const struct pod *b)
{
	bool same = a->containers.count == b->containers.count;
	for (size_t i = 0; same && i < a->containers.count; i++)
		same = streq(LIST_ITEMS(&a->containers, struct container)[i].name,
		             LIST_ITEMS(&b->containers, struct container)[i].name);
	return same;
}

bool slot_want(struct slot *s, const struct pod *pod, const char *invalid, const char *text,
               int64_t create_rev, int64_t mod_rev)
{
	if (s->mod_rev == mod_rev && s->create_rev == create_rev && s->text)
		return false;
	bool another = s->create_rev != 0 && s->create_rev != create_rev;
	free(s->invalid);
	s->invalid = NULL;
	if (pod) {
		another |= s->want && !same_containers(s->want, pod);
		kind_free(&kind_pod, s->want);
		s->want = kind_copy(&kind_pod, pod);
		free(s->text);
		s->text = mem_strdup(text);
	} else {
		s->invalid = mem_strdup(invalid);
	}
	s->create_rev = create_rev;
	s->mod_rev = mod_rev;
	if (another && s->memory.step != STEP_REMOVING) {
		s->memory = (struct plan_memory){0};
		s->restored = false;
	}
	return true;
}

void slot_have(struct slot *s, const struct engine_pod *have)
{
	struct engine_pod *copy = have && !have->gone ? have_dup(have) : NULL;
	have_free(s->have);
	s->have = copy;
	s->reported = true;
}

/* --- what is under way --- */

static bool is_of_images(const struct work *w)
{
	return w->kind == ACTION_FIND || w->kind == ACTION_PULL;
}

bool slot_busy(const struct slot *s)
{
	list_for_each (node, &s->works)
		if (!is_of_images(list_entry(node, struct work, link)))
			return true;
	return false;
}

struct work *work_new(struct slot *s, const struct plan_action *a, int64_t now_ms)
{
	struct work *w = NEW(struct work);
	w->slot = s;
	w->kind = a->kind;
	w->container = a->kind == ACTION_START ? a->container : -1;
	w->image = mem_strdup(a->image);
	w->since_ms = now_ms;
	list_append(&s->works, &w->link);
	return w;
}

void work_free(struct work *w)
{
	list_remove(&w->link);
	free(w->image);
	free(w);
}

void slot_works(const struct slot *s, struct plan_in *in, struct arena *a,
                enum image_state (*image_state)(const struct runner *r, const char *ref))
{
	size_t n = s->want ? s->want->containers.count : 0;
	struct plan_container *containers = ARENA_ARRAY(a, struct plan_container, n);
	for (size_t i = 0; i < n; i++)
		containers[i].image =
		        image_state(s->runner, LIST_ITEMS(&s->want->containers, struct container)[i].image);
	list_for_each (node, &s->works) {
		const struct work *w = list_entry(node, struct work, link);
		if (w->kind == ACTION_START && (size_t)w->container < n)
			containers[w->container].busy = true;
		else if (!is_of_images(w))
			in->pod_busy = true; /* a START of a container that is not wanted any more, too */
		for (size_t i = 0; is_of_images(w) && i < n; i++)
			containers[i].image_busy |=
			        streq(w->image, LIST_ITEMS(&s->want->containers, struct container)[i].image);
	}
	in->containers = containers;
}
