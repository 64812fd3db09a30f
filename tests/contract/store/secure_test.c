/* The store on a real etcd that asks for certificates, or for a name and a password. */
#include "etcd/etcd.h"
#include "lib/certs.h"
#include "lib/etcd.h"
#include "lib/store_drive.h"

static struct store *open_with(struct loop *l, const struct etcd_server *server, struct etcd_config cfg)
{
	struct store *s;
	struct error err = {0};
	cfg.endpoints = etcd_server_url(server);
	cfg.dial_timeout_ms = 1000;
	if (etcd_open(l, &cfg, &s, &err) < 0)
		test_fail(__FILE__, __LINE__, "etcd_open: %s", err.text);
	return s;
}

/* One key is read; what came of it. */
static enum store_outcome read_one(struct store *s, int64_t timeout_ms, struct drive_done *ret)
{
	enum store_outcome outcome =
	        drive_range(s, &(struct store_range_request){.key = "/a", .timeout_ms = timeout_ms}, ret);
	str_done(&ret->text);
	return outcome;
}

/* Killed and started again; the store has noticed both. */
static void crash(struct etcd_server *server, struct store *s)
{
	etcd_server_kill(server);
	UNTIL(s->loop, s->state == STORE_LOST);
	etcd_server_restart_begin(server);
	UNTIL(s->loop, s->state == STORE_READY);
}

/* --- TLS --- */

static struct etcd_server *start_tls(void)
{
	return etcd_server_start(&(struct etcd_server_options){
	        .ca = certs_cert("ca"), .cert = certs_cert("server"), .key = certs_key("server")});
}

TEST(certificates_on_both_sides)
{
	struct loop *l = loop_new();
	struct etcd_server *server = start_tls();
	struct store *s = open_with(l, server,
	                            (struct etcd_config){.ca_file = certs_cert("ca"),
	                                                 .cert_file = certs_cert("alice"),
	                                                 .key_file = certs_key("alice")});
	struct drive_watch watch;
	struct drive_lease lease;
	int64_t rev = drive_put(s, "/a", "1");
	drive_watch_begin(&watch, s, "/", true, rev + 1);
	drive_lease_begin(&lease, s, 10000, true);
	UNTIL(l, lease.id);
	(void)drive_put_lease(s, "/b", "2", lease.id);
	UNTIL(l, watch.events == 1);
	CHECK_LIST(s, "/a", "/a=1@2 ");

	/* a value that does not fit into one record of TLS, there and back */
	static char large[300001];
	memset(large, 'x', sizeof(large) - 1);
	(void)drive_put(s, "/large", large);
	UNTIL(l, watch.events == 2);
	CHECK(watch.text.len > sizeof(large));

	/* new handshakes after a crash; the watch goes on where it was */
	crash(server, s);
	rev = drive_put(s, "/c", "3");
	UNTIL(l, watch.last_rev == rev);
	CHECK_INT(watch.events, 3);
	CHECK_INT(lease.lost, 0);
	drive_watch_end(&watch, s);
	lease.lease = store_lease_free(s, lease.lease, true);
	store_free(s);
	etcd_server_free(server);
	loop_free(l);
}

TEST(wrong_certificates_are_told)
{
	struct loop *l = loop_new();
	struct etcd_server *server = start_tls();
	const struct {
		const char *ca, *client, *want;
	} rows[] = {
	        {"foreign-ca", "alice", "certificate"}, /* it is not whom we trust */
	        {"ca", NULL, ""},                       /* we show none */
	        {"ca", "foreign", ""},                  /* we are not whom it trusts */
	        {"ca", "expired", ""},
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct etcd_config cfg = {.ca_file = certs_cert(rows[i].ca)};
		if (rows[i].client) {
			cfg.cert_file = certs_cert(rows[i].client);
			cfg.key_file = certs_key(rows[i].client);
		}
		struct store *s = open_with(l, server, cfg);
		struct drive_done d;
		CHECK_INT(read_one(s, 1200, &d), STORE_E_UNAVAILABLE);
		if (!strstr(d.error, rows[i].want) || !*d.error)
			test_fail(__FILE__, __LINE__, "row %zu says: %s", i, d.error);
		store_free(s);
	}
	etcd_server_free(server);
	loop_free(l);
}

/* --- user and password --- */

#define AS_ROOT "--user", "root:top secret"

/* root may do everything, bob what is below /bob/. */
static struct etcd_server *start_with_users(void)
{
	static const char *const quick[] = {"--bcrypt-cost", "4", NULL};
	struct etcd_server *server = etcd_server_start(&(struct etcd_server_options){.args = quick});
	free(etcd_server_ctl(server, "user", "add", "root:top secret", NULL));
	free(etcd_server_ctl(server, "user", "add", "bob:b", NULL));
	free(etcd_server_ctl(server, "role", "add", "bobs", NULL));
	free(etcd_server_ctl(server, "role", "grant-permission", "bobs", "readwrite", "/bob/", "--prefix",
	                     NULL));
	free(etcd_server_ctl(server, "user", "grant-role", "bob", "bobs", NULL));
	free(etcd_server_ctl(server, "user", "grant-role", "root", "root", NULL));
	free(etcd_server_ctl(server, "auth", "enable", NULL));
	return server;
}

TEST(a_name_and_a_password)
{
	struct loop *l = loop_new();
	struct etcd_server *server = start_with_users();
	struct store *s =
	        open_with(l, server, (struct etcd_config){.user = "root", .password = "top secret"});
	struct drive_watch watch;
	int64_t rev = drive_put(s, "/a", "1");
	drive_watch_begin(&watch, s, "/", true, rev + 1);
	(void)drive_put(s, "/a", "2");
	UNTIL(l, watch.events == 1);

	/* tokens die with the server that gave them: another one is asked for without a word */
	crash(server, s);
	rev = drive_put(s, "/a", "3");
	UNTIL(l, watch.last_rev == rev);
	CHECK_INT(watch.relists, 0);

	/* any change of users makes tokens too old to write with */
	free(etcd_server_ctl(server, "user", "add", "carol:c", AS_ROOT, NULL));
	rev = drive_put(s, "/a", "4");
	UNTIL(l, watch.last_rev == rev);
	drive_watch_end(&watch, s);
	store_free(s);
	etcd_server_free(server);
	loop_free(l);
}

TEST(what_a_name_may_not_do_is_denied)
{
	struct loop *l = loop_new();
	struct etcd_server *server = start_with_users();
	struct store *s = open_with(l, server, (struct etcd_config){.user = "bob", .password = "b"});
	struct store_then then = {.what = STORE_PUT, .key = "/tug/a", .value = "1", .value_len = 1};
	struct drive_done d;
	(void)drive_put(s, "/bob/a", "1");
	CHECK_INT(drive_txn(s, &(struct store_txn){.thens = &then, .n_thens = 1}, NULL), STORE_E_DENIED);
	CHECK_INT(read_one(s, 5000, &d), STORE_E_DENIED);
	CHECK_HAS(d.error, "permission denied");
	CHECK_LIST(s, "/bob/", "/bob/a=1@2 "); /* and it goes on with what it may */
	store_free(s);
	etcd_server_free(server);
	loop_free(l);
}

TEST(wrong_passwords_are_denied_until_they_are_right)
{
	struct loop *l = loop_new();
	struct etcd_server *server = start_with_users();
	static const struct etcd_config rows[] = {
	        {.user = "bob", .password = "wrong"},
	        {.user = "bob"},
	        {.user = "nobody", .password = "b"},
	};
	struct drive_done d;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct store *s = open_with(l, server, rows[i]);
		CHECK_INT(read_one(s, 5000, &d), STORE_E_DENIED);
		CHECK_HAS(d.error, rows[i].user);
		CHECK(!strstr(d.error, "wrong"));
		store_free(s);
	}
	/* it asks again by itself, so that a password that was set late heals without a restart */
	struct store *s = open_with(l, server, (struct etcd_config){.user = "dave", .password = "d"});
	CHECK_INT(read_one(s, 5000, &d), STORE_E_DENIED);
	free(etcd_server_ctl(server, "user", "add", "dave:d", AS_ROOT, NULL));
	free(etcd_server_ctl(server, "user", "grant-role", "dave", "root", AS_ROOT, NULL));
	UNTIL(l, read_one(s, 5000, &d) == STORE_OK);
	store_free(s);
	etcd_server_free(server);
	loop_free(l);
}

TEST(a_name_is_no_harm_where_none_is_asked_for)
{
	struct loop *l = loop_new();
	struct etcd_server *server = etcd_server_start(NULL);
	struct store *s = open_with(l, server, (struct etcd_config){.user = "bob", .password = "b"});
	(void)drive_put(s, "/a", "1");
	store_free(s);
	etcd_server_free(server);
	loop_free(l);
}
