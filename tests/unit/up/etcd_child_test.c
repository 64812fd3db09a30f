/* The embedded etcd: ports that stay, arguments, and the file for etcdctl. */
#include "controllers/up/etcd_child.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "core/net.h"
#include "lib/test.h"

struct rig {
	char dir[32], bin[48], etcd[64];
	char *path; /* the real one */
	struct options o;
};

/* Options for a new data directory, and a PATH on which there is an etcd. */
static void rig_init(struct rig *r)
{
	static char node[] = "n1";
	*r = (struct rig){.dir = "/tmp/tug-etcd-XXXXXX", .path = strdup(getenv("PATH"))};
	CHECK(mkdtemp(r->dir));
	(void)snprintf(r->bin, sizeof(r->bin), "%s/bin", r->dir);
	(void)snprintf(r->etcd, sizeof(r->etcd), "%s/etcd", r->bin);
	CHECK_INT(file_mkdirs(r->bin, 0700), 0);
	CHECK_INT(file_write(r->etcd, "", 0, 0700), 0);
	CHECK_INT(setenv("PATH", r->bin, 1), 0);
	r->o = (struct options){.node = node, .data_dir = r->dir};
}

static void remove_in(const struct rig *r, const char *name)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	(void)remove(path);
}

static void rig_done(struct rig *r)
{
	static const char *const names[] = {"bin/etcd", "bin", "etcd.port", "etcd.env", "etcd", ""};
	CHECK_INT(setenv("PATH", r->path, 1), 0);
	free(r->path);
	for (size_t i = 0; i < ELEMENTS(names); i++)
		remove_in(r, names[i]);
	CHECK(access(r->dir, F_OK) < 0);
}

static bool has_arg(const struct etcd_child *c, const char *arg)
{
	for (size_t i = 0; c->argv[i]; i++)
		if (strcmp(c->argv[i], arg) == 0)
			return true;
	return false;
}

TEST(arguments)
{
	struct rig r;
	struct etcd_child c;
	struct error err = {0};
	rig_init(&r);
	CHECK_INT(etcd_child_init(&c, &r.o, &err), 0);
	CHECK_STR(c.argv[0], "etcd");
	CHECK(has_arg(&c, "--name=n1"));
	CHECK(has_arg(&c, "--auto-compaction-mode=revision"));
	CHECK(has_arg(&c, "--auto-compaction-retention=1000"));
	CHECK(has_arg(&c, "--quota-backend-bytes=268435456"));
	CHECK(has_arg(&c, "--snapshot-count=5000"));
	CHECK(!has_arg(&c, "--heartbeat-interval=500")); /* leases of four seconds have to be possible */
	etcd_child_done(&c);
	rig_done(&r);
}

static const char *token_of(const struct etcd_child *c)
{
	static const char flag[] = "--initial-cluster-token=";
	for (size_t i = 0; c->argv[i]; i++)
		if (strncmp(c->argv[i], flag, sizeof(flag) - 1) == 0)
			return c->argv[i] + sizeof(flag) - 1;
	return "";
}

/* An etcd that begins anew in an emptied folder is another cluster: runners must not take it for the one they know. */
TEST(every_cluster_has_an_id_of_its_own)
{
	struct rig r;
	struct etcd_child c;
	struct error err = {0};
	rig_init(&r);
	CHECK_INT(etcd_child_init(&c, &r.o, &err), 0);
	char *first = strdup(token_of(&c));
	CHECK_INT(strlen(first), 32);
	etcd_child_renew(&c);
	CHECK_INT(strlen(token_of(&c)), 32);
	CHECK(strcmp(first, token_of(&c)) != 0);
	CHECK(has_arg(&c, "--snapshot-count=5000"));
	free(first);
	etcd_child_done(&c);
	rig_done(&r);
}

TEST(a_port_that_is_taken_is_passed_over_and_the_choice_stays)
{
	struct rig r;
	struct etcd_child c;
	struct error err = {0};
	rig_init(&r);
	struct net_address a;
	CHECK_INT(net_address_parse("127.0.0.1:2380", &a, NULL), 0);
	int fd = net_listen(&a, 1); /* the peers' port of the first pair; negative: it is taken anyway */
	CHECK_INT(etcd_child_init(&c, &r.o, &err), 0);
	char *first = strdup(c.endpoint);
	CHECK(strcmp(first, "http://127.0.0.1:2379") != 0);
	etcd_child_done(&c);
	if (fd >= 0)
		(void)close(fd);
	CHECK_INT(etcd_child_init(&c, &r.o, &err), 0);
	CHECK_STR(c.endpoint, first);
	free(first);
	etcd_child_done(&c);
	rig_done(&r);
}

TEST(no_etcd_says_what_to_do)
{
	struct rig r;
	struct etcd_child c;
	struct error err = {0};
	rig_init(&r);
	CHECK_INT(remove(r.etcd), 0);
	CHECK_INT(etcd_child_init(&c, &r.o, &err), -ENOENT);
	CHECK_HAS(err.text, "apt install etcd-server");
	CHECK_HAS(err.text, "--etcd");
	etcd_child_done(&c);
	rig_done(&r);
}

TEST(variables_of_etcd_do_not_contradict_the_arguments)
{
	struct rig r;
	struct etcd_child c;
	struct error err = {0};
	rig_init(&r);
	CHECK_INT(setenv("ETCD_NAME", "x", 1), 0);
	CHECK_INT(setenv("ETCD_DATA_DIR", "/nowhere", 1), 0);
	CHECK_INT(setenv("ETCDCTL_API", "3", 1), 0);
	CHECK_INT(etcd_child_init(&c, &r.o, &err), 0);
	CHECK(!getenv("ETCD_NAME") && !getenv("ETCD_DATA_DIR"));
	CHECK(getenv("ETCDCTL_API"));
	etcd_child_done(&c);
	rig_done(&r);
}

TEST(the_file_for_etcdctl_is_quoted_for_a_shell)
{
	struct rig r;
	static char etcd[] = "https://h:2379", user[] = "a:it's $HOME";
	rig_init(&r);
	r.o.etcd = etcd;
	r.o.etcd_user = user;
	CHECK_INT(etcd_env_write(&r.o), 0);
	char path[64];
	_cleanup_str_ struct str text = STR_INIT;
	(void)snprintf(path, sizeof(path), "%s/etcd.env", r.dir);
	CHECK_INT(file_read(path, 4096, &text), 0);
	CHECK_STR(str_get(&text), "export ETCDCTL_API='3'\n"
	                          "export ETCDCTL_ENDPOINTS='https://h:2379'\n"
	                          "export ETCDCTL_USER='a:it'\\''s $HOME'\n");
	rig_done(&r);
}
