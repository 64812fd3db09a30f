#include "controllers/up/etcd_child.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/dice.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/net.h"

#define CLIENT_PORT 2379
#define TRIES       100

/* Is it free on loopback? There is a moment between this and etcd's own bind; losing it is a restart of etcd. */
static bool port_is_free(unsigned port)
{
	char text[32];
	struct net_address a;
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
	if (net_address_parse(text, &a, NULL) < 0)
		return false;
	int fd = net_listen(&a, 1);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

static unsigned remembered_port(const char *path)
{
	_cleanup_str_ struct str text = STR_INIT;
	uint16_t port = 0;
	if (file_read(path, 16, &text) < 0 || str_parse_u16(str_get(&text), &port) < 0)
		return 0;
	return port;
}

/*
 * A pair of free neighbours (clients, peers) at the first start; from then on the same pair, so that scripts
 * go on working and an etcd that is still dying is waited for rather than dodged.
 */
static int choose_port(const char *path, unsigned *ret, struct error *err)
{
	unsigned port = remembered_port(path);
	if (port) {
		*ret = port;
		return 0;
	}
	bool found = false;
	for (unsigned i = 0; !found && i < TRIES; i++) {
		port = CLIENT_PORT + 10 * i;
		found = port_is_free(port) && port_is_free(port + 1);
	}
	if (!found)
		return error_set(err, -EADDRINUSE, "",
		                 "no free port for etcd from %d on; name an etcd with --etcd", CLIENT_PORT);
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", port);
	int r = file_write(path, text, (size_t)n, 0600);
	if (r < 0)
		return error_set(err, r, path, "%s", strerror(-r));
	*ret = port;
	return 0;
}

static bool in_path(const char *program)
{
	const char *path = getenv("PATH");
	if (!path)
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	while (*path) {
		size_t n = strcspn(path, ":");
		char full[PATH_MAX];
		(void)snprintf(full, sizeof(full), "%.*s/%s", (int)n, path, program);
		if (access(full, X_OK) == 0)
			return true;
		path += n + (path[n] == ':');
	}
	return false;
}

/* etcd ends at once when a variable of its own contradicts an argument, wherever that variable came from. */
static void forget_variables(void)
{
	for (size_t i = 0; environ[i];) {
		size_t n = strcspn(environ[i], "=");
		_cleanup_free_ char *name = mem_strndup(environ[i], n);
		if (str_after(name, "ETCD_"))
			(void)unsetenv(name); /* the next one takes its place */
		else
			i++;
	}
}

int etcd_child_init(struct etcd_child *c, const struct options *o, struct error *err)
{
	*c = (struct etcd_child){0};
	if (!in_path("etcd"))
		return error_set(err, -ENOENT, "",
		                 "etcd is not installed; `apt install etcd-server`, or name one that "
		                 "runs with --etcd http://ADDRESS:2379");
	forget_variables();
	_cleanup_free_ char *dir = options_path(o, "etcd");
	_cleanup_free_ char *port_file = options_path(o, "etcd.port");
	int r = file_mkdirs(dir, 0700);
	if (r < 0)
		return error_set(err, r, dir, "%s", strerror(-r));
	unsigned port = 0;
	r = choose_port(port_file, &port, err);
	if (r < 0)
		return r;
	c->endpoint = mem_printf("http://127.0.0.1:%u", port);
	/*
	 * Compaction by revision and few, small WAL files keep memory near 70 MB and flash wear low;
	 * heartbeat and election timeouts stay at their defaults, since etcd refuses lease times below one
	 * and a half election timeouts.
	 */
	size_t n = 0;
	c->argv[n++] = mem_strdup("etcd");
#define ARG(...) (c->argv[n++] = mem_printf(__VA_ARGS__))
	ARG("--name=%s", o->node);
	ARG("--data-dir=%s", dir);
	ARG("--listen-client-urls=%s", c->endpoint);
	ARG("--advertise-client-urls=%s", c->endpoint);
	ARG("--listen-peer-urls=http://127.0.0.1:%u", port + 1);
	ARG("--initial-advertise-peer-urls=http://127.0.0.1:%u", port + 1);
	ARG("--initial-cluster=%s=http://127.0.0.1:%u", o->node, port + 1);
	c->token = &c->argv[n++];
	etcd_child_renew(c);
	ARG("--snapshot-count=5000");
	ARG("--auto-compaction-mode=revision");
	ARG("--auto-compaction-retention=1000");
	ARG("--max-wals=2");
	ARG("--max-snapshots=2");
	ARG("--quota-backend-bytes=268435456");
	ARG("--logger=zap");
	ARG("--log-level=warn");
	ARG("--log-outputs=stderr");
#undef ARG
	c->env[0] = mem_strdup("GOGC=50");
#if defined(__aarch64__)
	c->env[1] = mem_strdup("ETCD_UNSUPPORTED_ARCH=arm64"); /* etcd 3.4 wants to be told */
#elif defined(__arm__)
	c->env[1] = mem_strdup("ETCD_UNSUPPORTED_ARCH=arm");
#endif
	return 0;
}

/*
 * The token counts only where etcd finds no data. The id of a cluster is a hash of it and of the URLs: without a new one an
 * etcd whose folder was emptied would be the same cluster, and pods that it does not know would be deleted ones.
 */
void etcd_child_renew(struct etcd_child *c)
{
	free(*c->token);
	*c->token = mem_printf("--initial-cluster-token=%016" PRIx64 "%016" PRIx64, dice_roll(), dice_roll());
}

void etcd_child_done(struct etcd_child *c)
{
	for (size_t i = 0; c->argv[i]; i++)
		free(c->argv[i]);
	for (size_t i = 0; c->env[i]; i++)
		free(c->env[i]);
	free(c->endpoint);
	*c = (struct etcd_child){0};
}

/* 'text' for a POSIX shell. */
static void put_quoted(struct str *out, const char *text)
{
	str_putc(out, '\'');
	for (; *text; text++)
		if (*text == '\'')
			str_puts(out, "'\\''");
		else
			str_putc(out, *text);
	str_putc(out, '\'');
}

int etcd_env_write(const struct options *o)
{
	_cleanup_str_ struct str text = STR_INIT;
	const char *const lines[][2] = {
	        {"ETCDCTL_API", "3"},           {"ETCDCTL_ENDPOINTS", o->etcd},
	        {"ETCDCTL_CACERT", o->etcd_ca}, {"ETCDCTL_CERT", o->etcd_cert},
	        {"ETCDCTL_KEY", o->etcd_key},   {"ETCDCTL_USER", o->etcd_user},
	};
	for (size_t i = 0; i < ELEMENTS(lines); i++) {
		if (!lines[i][1])
			continue;
		str_printf(&text, "export %s=", lines[i][0]);
		put_quoted(&text, lines[i][1]);
		str_putc(&text, '\n');
	}
	_cleanup_free_ char *path = options_path(o, "etcd.env");
	return file_write(path, str_get(&text), text.len, 0600);
}
