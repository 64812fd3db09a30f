#include "sim/user.h"

#include <stdio.h>

#include "core/mem.h"

static const char *const services[] = {"web", "api", "db", "queue", "mail"};
/* bad: can not be pulled, is refused, crashes, crashes late; the rest works, some of it slowly or against signals */
static const char *const images[] = {"app:1",  "app:2",    "app:3",     "app:4",   "stubborn:1",
                                     "huge:1", "absent:1", "refused:1", "crash:1", "tired:1"};

static void set_images(struct world_node *n, bool good)
{
	struct sim_machine *m = n->machine;
	for (size_t i = 0; i < ELEMENTS(images); i++)
		sim_registry_set(m, images[i], ENGINE_OK, NULL);
	static const struct sim_program plain;
	sim_program_set(m, "stubborn:1", &(struct sim_program){.ignores_term = true});
	sim_program_set(
	        m, "refused:1",
	        good ? &plain
	             : &(struct sim_program){.start = ENGINE_E_REFUSED, .text = "exec: no such file"});
	sim_program_set(m, "crash:1", good ? &plain : &(struct sim_program){.run_ms = 300, .exit_code = 1});
	sim_program_set(m, "tired:1", good ? &plain : &(struct sim_program){.run_ms = 90000, .exit_code = 3});
	if (!good)
		sim_registry_set(m, "absent:1", ENGINE_E_NO_IMAGE, "manifest unknown");
}

void user_offer_images(struct world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		static const struct sim_costs costs = {.connect = 5,
		                                       .create = 60,
		                                       .start = 200,
		                                       .stop = 100,
		                                       .remove = 50,
		                                       .image = 3000,
		                                       .report = 5,
		                                       .deadline = 30000};
		sim_costs_set(w->nodes[i].machine, &costs);
		set_images(&w->nodes[i], false);
	}
}

void user_put(struct world *w, const char *name, int scale, const char *image, const char *more)
{
	char key[128];
	(void)snprintf(key, sizeof(key), "microservices/default/%s", name);
	_cleanup_free_ char *value = mem_printf("{\"kind\":\"microservice\",\"name\":\"%s\",\"scale\":%d%s,"
	                                        "\"containers\":{\"app\":{\"image\":"
	                                        "\"%s\"}}}",
	                                        name, scale, more, image);
	world_put(w, key, value);
}

static void put_random(struct world *w, const char *name)
{
	struct timeline *t = w->time;
	struct str s = STR_INIT;
	char key[128];
	(void)snprintf(key, sizeof(key), "microservices/default/%s", name);
	str_printf(&s, "{\"kind\":\"microservice\",\"name\":\"%s\",\"scale\":%d", name,
	           (int)timeline_below(t, 5));
	if (timeline_below(t, 3) == 0)
		str_puts(&s, ",\"update\":{\"order\":\"stop-first\"}");
	else
		str_printf(&s, ",\"update\":{\"parallelism\":%d}", 1 + (int)timeline_below(t, 3));
	str_printf(&s, ",\"stopGrace\":\"%ds\",\"containers\":{", 1 + (int)timeline_below(t, 4));
	unsigned n = timeline_below(t, 4) == 0 ? 2 : 1;
	for (unsigned i = 0; i < n; i++) {
		/* most of what people run works */
		size_t image = timeline_below(t, timeline_below(t, 4) ? 4 : ELEMENTS(images));
		str_printf(&s, "%s\"%s\":{\"image\":\"%s\",\"requests\":{\"cpus\":0.1}", i ? "," : "",
		           i ? "side" : "app", images[image]);
		if (i == 0 && timeline_below(t, 3) == 0)
			str_puts(&s, ",\"httpPorts\":{\"80\":\"\"}");
		str_puts(&s, "}");
	}
	str_puts(&s, "}}");
	_cleanup_free_ char *value = str_take(&s);
	world_put(w, key, value);
}

/* The stored value with another scale, if it is one of ours. */
static void rescale(struct world *w, const char *name)
{
	char key[128];
	(void)snprintf(key, sizeof(key), "microservices/default/%s", name);
	const char *have = world_get(w, key), *at = have ? strstr(have, "\"scale\":") : NULL;
	if (!at)
		return;
	at += strlen("\"scale\":");
	_cleanup_free_ char *value =
	        mem_printf("%.*s%d%s", (int)(at - have), have, (int)timeline_below(w->time, 6), at + 1);
	world_put(w, key, value);
}

static void put_node(struct world *w, unsigned i, const char *state)
{
	char key[64], value[200];
	(void)snprintf(key, sizeof(key), "nodes/%s", w->nodes[i].name);
	(void)snprintf(value, sizeof(value),
	               "{\"kind\":\"node\",\"name\":\"%s\",\"state\":\"%s\",\"address\":\"10.0.0.%u\"}",
	               w->nodes[i].name, state, i + 1);
	const char *have = world_get(w, key);
	if (!have || !streq(have, value))
		world_put(w, key, value);
}

static void change_node(struct world *w)
{
	static const char *const states[] = {"active", "active", "inactive", "draining", "disabled"};
	unsigned i = (unsigned)timeline_below(w->time, w->n_nodes);
	char key[64];
	(void)snprintf(key, sizeof(key), "nodes/%s", w->nodes[i].name);
	if (timeline_below(w->time, 12) == 0)
		world_delete(w, key);
	else
		put_node(w, i, states[timeline_below(w->time, ELEMENTS(states))]);
}

void user_act(struct world *w)
{
	const char *name = services[timeline_below(w->time, ELEMENTS(services))];
	char key[128];
	(void)snprintf(key, sizeof(key), "microservices/default/%s", name);
	switch (timeline_below(w->time, 10)) {
	case 0:
		world_delete(w, key);
		break;
	case 1:
		world_put(w, key,
		          timeline_below(w->time, 2) ? "scale: [1"
		                                     : "{\"kind\":\"microservice\",\"scale\":-1}");
		break;
	case 2:
		change_node(w);
		break;
	case 3:
	case 4:
	case 5:
		rescale(w, name);
		break;
	default:
		put_random(w, name);
		break;
	}
}

void user_mend(struct world *w)
{
	for (unsigned i = 0; i < w->n_nodes; i++) {
		set_images(&w->nodes[i], true);
		put_node(w, i, "active");
	}
	for (size_t i = 0; i < ELEMENTS(services); i++) {
		char key[128];
		(void)snprintf(key, sizeof(key), "microservices/default/%s", services[i]);
		const char *have = world_get(w, key);
		if (have && !strstr(have, "\"containers\""))
			put_random(w, services[i]);
	}
}
