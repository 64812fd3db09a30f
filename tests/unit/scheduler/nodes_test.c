/* The index of nodes: what is booked, which node is picked, and why none is. */
#include <stdlib.h>

#include "controllers/scheduler/nodes.h"
#include "core/mem.h"
#include "lib/test.h"

struct fixture {
	struct nodes *nodes;
	struct arena arena;
	struct placement placement;
	struct claim claim;
	struct claim_port port;
	struct pick pick;
};

static void init(struct fixture *f, int64_t cpu_milli, int64_t memory, int64_t port)
{
	*f = (struct fixture){.nodes = nodes_new(),
	                      .claim = {.cpu_milli = cpu_milli, .memory_bytes = memory}};
	f->port = (struct claim_port){.port = port};
	if (port) {
		f->claim.ports = &f->port;
		f->claim.n_ports = 1;
	}
}

static void done(struct fixture *f)
{
	f->nodes = nodes_free(f->nodes);
	arena_done(&f->arena);
}

static void add(struct fixture *f, const char *name, int state, int64_t cpus, int64_t memory, int64_t used)
{
	_cleanup_free_ char *copy = mem_strdup(name);
	const struct node spec = {.name = copy, .state = state};
	const struct health health = {.name = copy, .cpus = cpus, .memory = memory, .cpuUsed = used};
	nodes_set_spec(f->nodes, name, &spec);
	nodes_set_health(f->nodes, name, &health, 0);
}

static const char *pick(struct fixture *f, const char *service)
{
	pick_init(&f->pick, f->nodes, &f->arena, service, &f->claim, &f->placement);
	const char *node = pick_node(&f->pick);
	return node ? node : pick_why(&f->pick);
}

TEST(claims_add_up)
{
	static char number[] = "80", other[] = "443";
	struct port ports[] = {{.name = number, .hostPort = 8080}, {.name = other, .hostPort = 0}};
	struct container containers[2] = {
	        {.requests = {.cpus = 100, .memory = 64}, .ports = {.items = ports, .count = 2}},
	        {.requests = {.cpus = 50, .memory = 36}},
	};
	const struct list_of list = {.items = containers, .count = 2};
	struct claim c;
	claim_init(&c, &list);
	CHECK_INT(c.cpu_milli, 150);
	CHECK_INT(c.memory_bytes, 100);
	CHECK_INT(c.n_ports, 1);
	CHECK_INT(c.ports[0].port, 8080);
	claim_done(&c);
	CHECK_INT(c.n_ports, 0);
}

TEST(booked_is_given_back)
{
	struct fixture f;
	init(&f, 500, 100, 8080);
	add(&f, "n1", NODE_ACTIVE, 4000, 1000, 0);
	for (int i = 0; i < 3; i++)
		nodes_book(f.nodes, "n1", "p/a", &f.claim);
	CHECK_INT(nodes_booked(f.nodes, "n1").cpu_milli, 1500);
	CHECK_INT(nodes_booked(f.nodes, "n1").memory_bytes, 300);
	CHECK_INT(nodes_booked(f.nodes, "n1").n_ports, 1); /* one port, three claims on it */
	for (int i = 0; i < 2; i++)
		nodes_unbook(f.nodes, "n1", "p/a", &f.claim);
	CHECK_INT(nodes_booked(f.nodes, "n1").n_ports, 1);
	nodes_unbook(f.nodes, "n1", "p/a", &f.claim);
	CHECK_INT(nodes_booked(f.nodes, "n1").cpu_milli, 0);
	CHECK_INT(nodes_booked(f.nodes, "n1").memory_bytes, 0);
	CHECK_INT(nodes_booked(f.nodes, "n1").n_ports, 0);
	done(&f);
}

TEST(a_node_without_object_and_health_is_known_by_its_pods)
{
	struct fixture f;
	init(&f, 1, 1, 0);
	nodes_book(f.nodes, "n1", "p/a", &f.claim);
	CHECK_INT(nodes_view(f.nodes, "n1").state, PLAN_NODE_GONE);
	CHECK_STR(pick(&f, "p/b"), "0/0 nodes: no node has joined");
	nodes_unbook(f.nodes, "n1", "p/a", &f.claim);
	CHECK_INT(nodes_booked(f.nodes, "n1").cpu_milli, 0);
	done(&f);
}

TEST(states)
{
	static const struct {
		int state;
		bool spec, health;
		enum plan_node want;
	} rows[] = {
	        {NODE_ACTIVE, true, true, PLAN_NODE_ACTIVE},
	        {NODE_INACTIVE, true, true, PLAN_NODE_INACTIVE},
	        {NODE_DRAINING, true, true, PLAN_NODE_DRAINING},
	        {NODE_DISABLED, true, true, PLAN_NODE_DISABLED},
	        {NODE_ACTIVE, true, false, PLAN_NODE_LOST},
	        {NODE_DISABLED, true, false, PLAN_NODE_LOST},
	        {NODE_ACTIVE, false, true, PLAN_NODE_GONE},
	        {NODE_ACTIVE, false, false, PLAN_NODE_GONE},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct fixture f;
		init(&f, 0, 0, 0);
		add(&f, "n1", rows[i].state, 1000, 1000, 0);
		if (!rows[i].spec)
			nodes_set_spec(f.nodes, "n1", NULL);
		if (!rows[i].health)
			nodes_set_health(f.nodes, "n1", NULL, 0);
		CHECK_INT(nodes_view(f.nodes, "n1").state, rows[i].want);
		done(&f);
	}
}

TEST(when_a_node_came_back)
{
	struct fixture f;
	init(&f, 0, 0, 0);
	add(&f, "n1", NODE_ACTIVE, 1000, 1000, 0);
	CHECK_INT(nodes_view(f.nodes, "n1").since_ms, 0);
	nodes_set_health(f.nodes, "n1", NULL, 500);
	const struct health health = {.cpus = 1000};
	nodes_set_health(f.nodes, "n1", &health, 700);
	CHECK_INT(nodes_view(f.nodes, "n1").since_ms, 700);
	nodes_set_health(f.nodes, "n1", &health, 900); /* a figure moved: it was there all the time */
	CHECK_INT(nodes_view(f.nodes, "n1").since_ms, 700);
	done(&f);
}

TEST(fewest_pods_of_the_service_then_requests_then_load_then_name)
{
	struct fixture f;
	init(&f, 100, 0, 0);
	add(&f, "n3", NODE_ACTIVE, 4000, 1000, 10);
	add(&f, "n2", NODE_ACTIVE, 4000, 1000, 10);
	add(&f, "n1", NODE_ACTIVE, 4000, 1000, 50);
	CHECK_STR(pick(&f, "p/a"), "n2"); /* load, then name */
	CHECK_STR(pick(&f, "p/b"), "n3"); /* n2 is booked by a */
	CHECK_STR(pick(&f, "p/c"), "n1"); /* the others are booked */
	CHECK_STR(pick(&f, "p/a"), "n3"); /* n2 has one of a */
	CHECK_STR(pick(&f, "p/a"), "n1");
	CHECK_STR(pick(&f, "p/a"),
	          "n2"); /* each has one: fewest booked, 100 against 200, less load than n1 */
	done(&f);
}

TEST(memory_counts_as_much_as_cores)
{
	struct fixture f;
	init(&f, 0, 0, 0);
	add(&f, "n1", NODE_ACTIVE, 4000, 1000000, 0);
	add(&f, "n2", NODE_ACTIVE, 4000, 1000000, 0);
	const struct claim cores = {.cpu_milli = 1000}, memory = {.memory_bytes = 500000};
	nodes_book(f.nodes, "n1", "p/x", &memory);
	nodes_book(f.nodes, "n2", "p/x", &cores);
	CHECK_STR(pick(&f, "p/a"), "n2"); /* a quarter against a half */
	done(&f);
}

TEST(why_nothing_fits)
{
	static char disk[] = "disk", ssd[] = "ssd", n9[] = "n9";
	struct fixture f;
	init(&f, 0, 600, 8080);
	const struct claim big = {.memory_bytes = 500};
	struct claim_port taken = {.port = 8080};
	const struct claim port = {.ports = &taken, .n_ports = 1};
	add(&f, "n1", NODE_ACTIVE, 4000, 1000, 0);
	add(&f, "n2", NODE_ACTIVE, 4000, 1000, 0);
	add(&f, "n3", NODE_INACTIVE, 4000, 1000, 0);
	nodes_book(f.nodes, "n1", "p/x", &big);
	nodes_book(f.nodes, "n2", "p/x", &big);
	CHECK_STR(pick(&f, "p/a"), "0/3 nodes: 2 memory, 1 cordoned");
	add(&f, "n4", NODE_DRAINING, 4000, 1000, 0);
	add(&f, "n5", NODE_DISABLED, 4000, 1000, 0);
	add(&f, "n6", NODE_ACTIVE, 4000, 1000, 0);
	nodes_set_health(f.nodes, "n6", NULL, 0);
	add(&f, "n7", NODE_ACTIVE, 4000, 1000, 0);
	nodes_book(f.nodes, "n7", "p/x", &port);
	CHECK_STR(pick(&f, "p/a"),
	          "0/7 nodes: 2 memory, 1 lost, 1 cordoned, 1 draining, 1 disabled, 1 host port 8080 taken");
	f.claim.cpu_milli = 5000;
	CHECK_STR(pick(&f, "p/a"), "0/7 nodes: 3 cpu, 1 lost, 1 cordoned, 1 draining, 1 disabled");
	struct pair label = {.key = disk, .value = ssd};
	f.placement.labels = (struct pairs){.items = &label, .count = 1};
	CHECK_STR(pick(&f, "p/a"), "0/7 nodes: 3 labels, 1 lost, 1 cordoned, 1 draining, 1 disabled");
	char *names[] = {n9};
	f.placement.nodes = (struct strings){.items = names, .count = 1};
	CHECK_STR(pick(&f, "p/a"), "0/7 nodes: 3 not named, 1 lost, 1 cordoned, 1 draining, 1 disabled");
	done(&f);
}

TEST(udp_and_tcp_are_two_ports)
{
	struct fixture f;
	init(&f, 0, 0, 53);
	add(&f, "n1", NODE_ACTIVE, 4000, 1000, 0);
	CHECK_STR(pick(&f, "p/a"), "n1");
	f.port.protocol = PROTOCOL_UDP;
	CHECK_STR(pick(&f, "p/a"), "n1");
	CHECK_STR(pick(&f, "p/a"), "0/1 nodes: 1 host port 53 taken");
	done(&f);
}

TEST(what_is_not_asked_for_is_not_refused)
{
	struct fixture f;
	init(&f, 0, 0, 0);
	add(&f, "n1", NODE_ACTIVE, 1000, 1000, 0);
	const struct claim all = {.cpu_milli = 2000, .memory_bytes = 2000};
	nodes_book(f.nodes, "n1", "p/x", &all); /* overbooked: its capacity shrank */
	CHECK_STR(pick(&f, "p/a"), "n1");
	f.claim.memory_bytes = 1;
	CHECK_STR(pick(&f, "p/a"), "0/1 nodes: 1 memory");
	done(&f);
}

TEST(in_place)
{
	struct fixture f;
	init(&f, 0, 600, 8080);
	add(&f, "n1", NODE_ACTIVE, 4000, 1000, 0);
	nodes_book(f.nodes, "n1", "p/a", &f.claim);
	CHECK_STR(pick(&f, "p/a"), "0/1 nodes: 1 memory");
	CHECK(pick_in_place(&f.pick, "n1", &f.claim));
	CHECK_INT(nodes_booked(f.nodes, "n1").memory_bytes, 1200); /* both, until the old one is gone */
	CHECK(!pick_in_place(&f.pick, "n1", &f.claim));            /* two hold the port now, and one leaves */
	CHECK(!pick_in_place(&f.pick, "n2", &f.claim));
	nodes_unbook(f.nodes, "n1", "p/a", &f.claim);
	const struct claim small = {.memory_bytes = 600};
	CHECK(!pick_in_place(&f.pick, "n1", &small)); /* what leaves does not hold the port */
	add(&f, "n1", NODE_INACTIVE, 4000, 1000, 0);
	CHECK(!pick_in_place(&f.pick, "n1", &f.claim)); /* cordoned: it takes no new pod */
	done(&f);
}

/* The heap against a look at every node, in random worlds. */
static bool fits(const struct fixture *f, const char *node, int64_t memory)
{
	return nodes_booked(f->nodes, node).memory_bytes + f->claim.memory_bytes <= memory;
}

TEST(the_heap_picks_what_a_look_at_every_node_picks)
{
	enum { NODES = 13 };
	srand(1);
	for (int world = 0; world < 200; world++) {
		struct fixture f;
		init(&f, 0, 1 + rand() % 300, 0);
		char names[NODES][8];
		int64_t memory[NODES], pods[NODES] = {0}, used[NODES];
		for (int i = 0; i < NODES; i++) {
			(void)snprintf(names[i], sizeof(names[i]), "n%02d", i);
			memory[i] = 1000 * (1 + rand() % 3);
			used[i] = rand() % 3;
			add(&f, names[i], NODE_ACTIVE, 0, memory[i], used[i]);
		}
		pick_init(&f.pick, f.nodes, &f.arena, "p/a", &f.claim, &f.placement);
		for (int turn = 0; turn < 60; turn++) {
			int best = -1;
			for (int i = 0; i < NODES; i++) {
				if (!fits(&f, names[i], memory[i]))
					continue;
				if (best < 0) {
					best = i;
					continue;
				}
				int64_t a = nodes_booked(f.nodes, names[i]).memory_bytes / (memory[i] / 1000);
				int64_t b = nodes_booked(f.nodes, names[best]).memory_bytes /
				            (memory[best] / 1000);
				if (pods[i] != pods[best] ? pods[i] < pods[best]
				    : a != b              ? a < b
				                          : used[i] < used[best])
					best = i;
			}
			const char *have = pick_node(&f.pick);
			CHECK_STR(have, best < 0 ? NULL : names[best]);
			if (best >= 0)
				pods[best]++;
		}
		done(&f);
	}
}
