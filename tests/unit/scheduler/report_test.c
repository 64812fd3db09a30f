/* What a plan says of itself: counts, conditions, endpoints, events, and when each is written. */
#include "world.h"

TEST(counts_and_conditions)
{
	static const struct {
		const char *what, *nodes, *pods, *revision;
		int desired;
		const char *counts, *placed, *available, *progressing;
	} rows[] = {
	        {"none wanted", "n1", "", "a", 0, "0/0/0/0/0",
	         "true Placed: ", "true Ready: 0 of 0 pods are ready", "true RolledOut: "},
	        {"created by this plan", "n1", "", "a", 2, "2/2/2/0/0",
	         "true Placed: ", "false NotReady: 0 of 2 pods are ready", "true Starting: "},
	        {"up", "n1", "web-0-a@n1:run web-1-a@n1:deaf", "a", 2, "2/2/2/2/1",
	         "true Placed: ", "false NotReady: 1 of 2 pods are ready", "true Starting: "},
	        {"all up", "n1", "web-0-a@n1:run", "a", 1, "1/1/1/1/1",
	         "true Placed: ", "true Ready: 1 of 1 pods are ready", "true RolledOut: "},
	        {"completed", "n1", "web-0-a@n1:done", "a", 1, "1/1/1/0/0",
	         "true Placed: ", "false NotReady: 0 of 1 pods are ready", "true RolledOut: "},
	        {"removed by this plan", "n1", "web-0-a@n1:run web-1-a@n1:run", "a", 1, "1/1/1/1/1",
	         "true Placed: ", "true Ready: 1 of 1 pods are ready", "true RolledOut: "},
	        {"in a rollout", "n1", "web-0-a@n1:run web-1-b@n1:run", "b", 2, "2/3/2/2/2", "true Placed: ",
	         "true Ready: 2 of 2 pods are ready", "true Updating: 2 of 2 pods are of revision b"},
	        {"a rollout that failed", "n1", "web-0-a@n1:run web-0-b@n1:fail", "b", 1, "1/2/1/1/1",
	         "true Placed: ", "true Ready: 1 of 1 pods are ready",
	         "false PodFailed: web-0-b: Failed pulling image x"},
	        {"nowhere", "n1:cordoned", "", "a", 2, "2/0/0/0/0",
	         "false Unplaceable: 0/1 nodes: 1 cordoned (2 of 2 pods wait for room)",
	         "false NotReady: 0 of 2 pods are ready", "false Unplaceable: 0/1 nodes: 1 cordoned"},
	        {"no node at all", "", "", "a", 1, "1/0/0/0/0",
	         "false Unplaceable: 0/0 nodes: no node has joined (1 of 1 pods wait for room)",
	         "false NotReady: 0 of 1 pods are ready", "false Unplaceable: 0/0 nodes: no node has joined"},
	        {"lost, the only node", "n1:lost", "web-0-a@n1:run", "a", 1, "1/0/0/0/0",
	         "false Unplaceable: 0/1 nodes: 1 lost (1 of 1 pods wait for room)",
	         "false NotReady: 0 of 1 pods are ready", "false Unplaceable: 0/1 nodes: 1 lost"},
	        {"a drain that has nowhere to go", "n1:draining", "web-0-a@n1:run", "a", 1, "1/1/1/1/1",
	         "false Unplaceable: 0/1 nodes: 1 draining (1 of 1 pods wait for room)",
	         "true Ready: 1 of 1 pods are ready", "false Unplaceable: 0/1 nodes: 1 draining"},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct world w;
		world_init(&w, rows[i].nodes, rows[i].pods, rows[i].revision, rows[i].desired);
		(void)world_plan(&w);
		if (!streq(world_counts(&w), rows[i].counts))
			test_fail(__FILE__, __LINE__, "%s: counts are %s, want %s", rows[i].what,
			          world_counts(&w), rows[i].counts);
		CHECK_STR(world_condition(&w, "Valid"), "true Valid: ");
		CHECK_STR(world_condition(&w, "Placed"), rows[i].placed);
		CHECK_STR(world_condition(&w, "Available"), rows[i].available);
		CHECK_STR(world_condition(&w, "Progressing"), rows[i].progressing);
		CHECK_STR(world_condition(&w, "Pending"), "none");
		CHECK_INT(w.plan.status->observed, w.mod_rev);
		world_done(&w);
	}
}

TEST(an_invalid_value_says_where)
{
	struct world w;
	world_init(&w, "n1", "", "a", 1);
	(void)world_turn(&w);
	world_run(&w, "run");
	w.now_ms += 500;
	(void)world_turn(&w);
	w.not_valid = true;
	w.mod_rev = 9;
	w.invalid.line = 3;
	(void)snprintf(w.invalid.path, sizeof(w.invalid.path), "containers.app.image");
	(void)snprintf(w.invalid.text, sizeof(w.invalid.text), "is missing");
	CHECK_STR(world_turn(&w), "S");
	CHECK_STR(world_condition(&w, "Valid"),
	          "false Invalid: line 3: containers.app.image: is missing; the last good revision is kept");
	CHECK_STR(world_condition(&w, "Available"), "true Ready: 1 of 1 pods are ready");
	CHECK_STR(w.status->revision, "a");
	CHECK_INT(w.status->observed, 9);
	CHECK_INT(w.plan.n_events, 1);
	CHECK_STR(w.plan.events[0].reason, "Invalid");
	CHECK(w.plan.events[0].warning);
	CHECK_STR(world_plan(&w), "");
	/* never valid: nothing else is known */
	w.no_spec = true;
	w.now_ms += 500;
	w.revision[0] = '\0';
	CHECK_STR(world_plan(&w), "S");
	CHECK_STR(world_condition(&w, "Valid"), "false Invalid: line 3: containers.app.image: is missing");
	CHECK_STR(world_condition(&w, "Placed"), "none");
	world_done(&w);
}

TEST(fields_that_are_not_carried_out_are_named_once)
{
	static char zone[] = "zone";
	struct world w;
	world_init(&w, "n1", "", "a", 0);
	w.spec.singleton = true;
	w.spec.placement.spread = zone;
	schema_mark(&microservice_schema, &w.spec);
	(void)world_plan(&w);
	CHECK_STR(world_condition(&w, "Pending"), "true NotCarriedOutYet: accepted, but this version does "
	                                          "not act on: singleton, placement.spread");
	world_done(&w);
}

TEST(since_is_when_the_status_of_a_condition_changed)
{
	struct world w;
	world_init(&w, "n1", "", "a", 1);
	(void)world_turn(&w);
	int64_t first = 1700000000000 + w.now_ms;
	w.now_ms += 5000;
	world_run(&w, "run");
	(void)world_turn(&w);
	for (size_t i = 0; i < w.status->conditions.count; i++) {
		const struct condition *c = &LIST_ITEMS(&w.status->conditions, struct condition)[i];
		CHECK_INT(c->since, streq(c->type, "Available") ? first + 5000 : first);
	}
	world_done(&w);
}

TEST(a_burst_is_reported_now_and_then_and_its_end_at_once)
{
	struct world w;
	world_init(&w, "n1", "", "a", 5);
	CHECK_HAS(world_turn(&w), "S");
	int64_t written = w.now_ms;
	for (int i = 0; i < 4; i++) {
		w.now_ms += 10;
		world_set_status(&w.pods[i], "run");
		CHECK_STR(world_turn(&w), "E"); /* at once */
		CHECK_INT(w.endpoints->ready.count, i + 1);
		CHECK_INT(w.plan.wake_at_ms, written + PLAN_STATUS_MS);
	}
	w.now_ms = written + PLAN_STATUS_MS;
	CHECK_STR(world_turn(&w), "S");
	CHECK_STR(world_counts(&w), "5/5/5/4/4");
	w.now_ms += 10;
	world_set_status(&w.pods[4], "run");
	CHECK_STR(world_turn(&w), "E S");
	CHECK_INT(w.plan.wake_at_ms, 0);
	CHECK_STR(world_plan(&w), "");
	/* another value is answered at once */
	w.mod_rev++;
	CHECK_STR(world_turn(&w), "S");
	world_done(&w);
}

TEST(endpoints)
{
	static char app[] = "app", side[] = "app-x", port[] = "80/tcp", udp[] = "53/udp", a[] = "32768",
	            b[] = "32769";
	struct pair app_ports[] = {{.key = udp, .value = b}, {.key = port, .value = a}};
	struct pair side_ports[] = {{.key = port, .value = b}};
	struct container_status containers[] = {
	        {.name = app, .ports = {.items = app_ports, .count = 2}},
	        {.name = side, .ports = {.items = side_ports, .count = 1}},
	};
	struct world w;
	world_init(&w, "n1 n2:lost n3:draining",
	           "web-0-a@n1:run web-1-a@n2:run web-2-a@n3:run web-3-a@n1:deaf", "a", 4);
	w.pods[0].status.containers = (struct list_of){.items = containers, .count = 2};
	(void)world_plan(&w);
	const struct endpoint *e = LIST_ITEMS(&w.plan.endpoints->ready, struct endpoint);
	CHECK_INT(w.plan.endpoints->ready.count, 2); /* not the lost one, not the one that is not ready */
	CHECK_STR(e[0].pod, "web-0-a");
	CHECK_STR(e[0].node, "n1");
	CHECK_STR(e[0].address, "10.1.0.9");
	CHECK_STR(e[0].hostAddress, "192.0.2.1");
	CHECK_INT(e[0].ports.count, 3);
	CHECK_STR(e[0].ports.items[0].key, "app-x/80/tcp"); /* sorted, as one that is read back is */
	CHECK_STR(e[0].ports.items[1].key, "app/53/udp");
	CHECK_STR(e[0].ports.items[2].key, "app/80/tcp");
	CHECK_STR(e[0].ports.items[2].value, "32768");
	CHECK_STR(e[1].pod, "web-2-a");
	world_done(&w);
}

TEST(no_endpoints_are_written_until_there_are_some)
{
	struct world w;
	world_init(&w, "n1", "", "a", 1);
	CHECK_STR(world_turn(&w), "R+a +web-0-a@n1 S");
	world_run(&w, "run");
	CHECK_STR(world_turn(&w), "E S");
	world_set_status(&w.pods[0], "deaf");
	w.now_ms += 1000;
	CHECK_STR(world_turn(&w), "E S");
	CHECK_INT(w.endpoints->ready.count, 0);
	CHECK_STR(world_plan(&w), "");
	world_done(&w);
}

TEST(long_lists_of_endpoints_grow_in_steps_and_shrink_at_once)
{
	struct world w;
	world_init(&w, "n1", "", "a", 1000);
	do
		(void)world_turn(&w);
	while (w.plan.more);
	for (int i = 0; i < 500; i++)
		world_set_status(&w.pods[i], "run");
	CHECK_STR(world_turn(&w), "E");
	w.now_ms += 10;
	world_set_status(&w.pods[500], "run");
	CHECK_STR(world_plan(&w), "");
	CHECK_INT(w.plan.wake_at_ms, w.endpoints_ms + 50);
	world_set_status(&w.pods[3], "deaf");
	CHECK_STR(world_turn(&w), "E");
	CHECK_INT(w.endpoints->ready.count, 500);
	w.now_ms += 49;
	world_set_status(&w.pods[3], "run");
	CHECK_STR(world_plan(&w), "");
	w.now_ms += 1;
	CHECK_STR(world_turn(&w), "E");
	for (int i = 0; i < 1000; i++)
		world_set_status(&w.pods[i], "run");
	w.now_ms += 1;
	CHECK_STR(world_turn(&w), "E S"); /* the end of the burst */
	world_done(&w);
}

TEST(endpoints_beyond_one_value_are_left_out_and_counted)
{
	struct world w;
	world_init(&w, "n1", "", "a", 10000);
	do
		(void)world_turn(&w);
	while (w.plan.more);
	char *address = mem_zalloc(201);
	memset(address, 'a', 200);
	for (size_t i = 0; i < w.n_pods; i++) {
		world_set_status(&w.pods[i], "run");
		w.pods[i].status.address = address;
	}
	(void)world_turn(&w);
	struct str text = STR_INIT;
	kind_print(&kind_endpoints, w.endpoints, &text);
	CHECK(text.len < PLAN_ENDPOINTS_BYTES);
	CHECK(text.len > PLAN_ENDPOINTS_BYTES * 9 / 10);
	CHECK_HAS(world_condition(&w, "Available"), "10000 of 10000 pods are ready; the first ");
	CHECK_STR(world_plan(&w), "");
	str_done(&text);
	world_done(&w);
	free(address);
}

static const char *events(struct world *w)
{
	struct str out = STR_INIT;
	for (size_t i = 0; i < w->plan.n_events; i++)
		str_printf(&out, "%s%s%s: %s", i ? "; " : "", w->plan.events[i].warning ? "!" : "",
		           w->plan.events[i].reason, w->plan.events[i].message);
	const char *text = arena_strdup(&w->arena, str_get(&out));
	str_done(&out);
	return text;
}

TEST(events_are_told_once)
{
	struct world w;
	world_init(&w, "n1", "", "a", 1);
	(void)world_turn(&w);
	CHECK_STR(events(&w), "");
	world_run(&w, "run");
	(void)world_turn(&w);
	w.desired = 3;
	(void)world_turn(&w);
	CHECK_STR(events(&w), "Scaled: from 1 to 3 pods");
	world_run(&w, "run");
	w.now_ms += 1000;
	(void)world_turn(&w);
	CHECK_STR(events(&w), "");
	(void)snprintf(w.revision, sizeof(w.revision), "b");
	for (int i = 0; i < 3; i++) {
		(void)world_turn(&w);
		CHECK_STR(events(&w), "");
		world_run(&w, "run");
		w.now_ms += 1000;
	}
	(void)world_turn(&w);
	CHECK_STR(events(&w), "RolledOut: revision b runs on all 3 pods");
	w.now_ms += 1000;
	(void)world_turn(&w);
	CHECK_STR(events(&w), "");
	world_node(&w, "n1:cordoned");
	w.desired = 4;
	(void)world_turn(&w);
	CHECK_STR(
	        events(&w),
	        "!Unplaceable: 0/1 nodes: 1 cordoned (1 of 4 pods wait for room); Scaled: from 3 to 4 pods");
	w.now_ms += 1000;
	(void)world_turn(&w);
	CHECK_STR(events(&w), "");
	world_done(&w);
}
