/* Ports on the host: random and fixed ones, taken ones, and what becomes of them over restarts. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract/engine/drive.h"

#define POD "web-0-abc123"
#define RANDOM                      \
	"{'app': {'image': '" HELLO \
	"', 'httpPorts': {'80': ''}, 'ports': {'53': {'hostPort': 0, 'protocol': 'udp'}}}}"
#define FIXED "{'app': {'image': '" HELLO "', 'ports': {'80': {'hostPort': 8081}}}}"

/* Is there a listener? Only real engines open ports. */
static bool answers(const struct world *w, unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	                        .sin_port = htons((uint16_t)port),
	                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	bool yes = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
	(void)close(fd);
	return yes || !w->maker->real;
}

TEST_ENGINES(a_random_port_is_told_after_each_start, true)
{
	run_pod(w, POD, RANDOM);
	WAIT(w, seen_port(w, POD, "app", "80/tcp") != 0);
	CHECK(seen_port(w, POD, "app", "53/udp") != 0);
	CHECK(answers(w, seen_port(w, POD, "app", "80/tcp")));
	CHECK_INT(do_stop(w, POD, "app", 3000), ENGINE_OK);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	WAIT(w, seen_port(w, POD, "app", "80/tcp") != 0);
	CHECK(answers(w, seen_port(w, POD, "app", "80/tcp")));
	unsigned port = seen_port(w, POD, "app", "80/tcp");
	world_disconnect(w);
	world_connect(w);
	CHECK_INT(seen_port(w, POD, "app", "80/tcp"), port);
}

TEST_ENGINES(a_port_that_a_program_has_is_busy_until_it_is_freed, true)
{
	struct pod *p = pod_make(w, POD, FIXED);
	w->maker->port(w, 8081, true);
	CHECK_INT(do_create(w, p), ENGINE_OK);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(do_start(w, POD, "app"), ENGINE_E_BUSY);
		CHECK_HAS(w->text, "8081");
		CHECK(!is_state(w, POD, "app", CONTAINER_RUNNING));
		CHECK_INT(seen_container(w, POD, "app")->exits, 0);
	}
	w->maker->port(w, 8081, false);
	CHECK_INT(do_start(w, POD, "app"), ENGINE_OK);
	WAIT(w, seen_port(w, POD, "app", "80/tcp") == 8081);
	CHECK(answers(w, 8081));
	CHECK_STR(seen_container(w, POD, "app")->error, "");
	pod_drop(p);
}

TEST_ENGINES(a_port_that_a_container_has_is_busy_until_it_is_freed, true)
{
	run_pod(w, "first", FIXED);
	struct pod *p = pod_make(w, "second", FIXED);
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK_INT(do_start(w, "second", "app"), ENGINE_E_BUSY);
	CHECK(answers(w, 8081));
	CHECK_INT(do_stop(w, "first", "app", 3000), ENGINE_OK);
	CHECK_INT(do_start(w, "second", "app"), ENGINE_OK);
	CHECK_INT(do_start(w, "first", "app"), ENGINE_E_BUSY);
	CHECK_INT(do_remove(w, "second", 3000), ENGINE_OK);
	CHECK_INT(do_start(w, "first", "app"), ENGINE_OK);
	CHECK_INT(seen_container(w, "first", "app")->exits, 1);
	pod_drop(p);
}

TEST_ENGINES(the_ports_of_a_shared_network_can_be_busy_as_well, true)
{
	w->maker->port(w, 8081, true);
	struct pod *p = pod_make(w, POD,
	                         "{'a': {'image': '" HELLO
	                         "', 'ports': {'80': {'hostPort': 8081}}}, 'b': {'image': '" STUBBORN "'}}");
	CHECK_INT(do_create(w, p), ENGINE_OK);
	CHECK_INT(do_start(w, POD, "b"), ENGINE_E_BUSY);
	CHECK_INT(do_start(w, POD, "a"), ENGINE_E_BUSY);
	w->maker->port(w, 8081, false);
	CHECK_INT(do_start(w, POD, "b"), ENGINE_OK);
	CHECK_INT(do_start(w, POD, "a"), ENGINE_OK);
	WAIT(w, seen_port(w, POD, "a", "80/tcp") == 8081);
	CHECK_INT(seen_port(w, POD, "b", "80/tcp"), 0);
	CHECK(!seen(w, POD)->broken);
	pod_drop(p);
}

TEST_ENGINES(ports_that_do_not_exist_are_refused_by_us, true)
{
	struct pod *p = pod_make(w, POD, FIXED);
	struct container *c = LIST_ITEMS(&p->containers, struct container);
	struct port *port = LIST_ITEMS(&c->ports, struct port);
	port->hostPort = 70000;
	CHECK_INT(do_create(w, p), ENGINE_E_REFUSED);
	CHECK_HAS(w->text, "ports go from 1 to 65535");
	CHECK_INT(w->maker->count(w), 0);
	pod_drop(p);
	p = pod_make(w, POD,
	             "{'a': {'image': '" HELLO "', 'httpPorts': {'80': ''}}, 'b': {'image': '" HELLO
	             "', 'httpPorts': {'80': ''}}}");
	CHECK_INT(do_create(w, p), ENGINE_E_REFUSED);
	CHECK_HAS(w->text, "port 80/tcp is already published by the pod");
	pod_drop(p);
}
