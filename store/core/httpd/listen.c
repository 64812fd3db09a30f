/* Listeners: who gets a place, and by which names the server may be called. */
#include "core/httpd/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "core/mem.h"

/* --- places --- */

static struct peer *peer_find(struct httpd *s, const struct net_address *a)
{
	char key[INET6_ADDRSTRLEN] = "";
	if (a->any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &a->v4.sin_addr, key, sizeof(key));
	} else {
		struct in6_addr net = a->v6.sin6_addr;
		if (!IN6_IS_ADDR_V4MAPPED(&net))
			memset(net.s6_addr + 8, 0, 8);
		(void)inet_ntop(AF_INET6, &net, key, sizeof(key));
	}
	struct peer *p = map_get(&s->peers, key);
	if (!p) {
		p = NEW(struct peer);
		memcpy(p->key, key, sizeof(key));
		(void)map_put(&s->peers, key, p);
	}
	return p;
}

void listener_peer_left(struct httpd *s, struct peer *p)
{
	if (--p->connections > 0)
		return;
	(void)map_remove(&s->peers, p->key);
	free(p);
}

/* Answered before anything was read, because reading is what there is no room for. */
static void turn_away(const struct listener *l, int fd)
{
	static const char body[] = "{\"message\":\"too many connections, try later\",\"status\":503}\n";
	char text[400];
	int n = snprintf(text, sizeof(text),
	                 "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
	                 "Content-Length: %zu\r\nRetry-After: 5\r\nConnection: close\r\n\r\n%s",
	                 sizeof(body) - 1, body);
	if (!l->tls)
		(void)send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	/* what came already would turn the close into a reset, which eats the answer */
	char sink[4096];
	(void)recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
	(void)close(fd);
}

/* A share of the places is for those on this machine, so that an administrator always gets in. */
static bool has_place(const struct httpd *s, bool local, const struct peer *p)
{
	unsigned reserved = MAX(s->limits.connections / 16, 1U);
	if (local)
		return s->n_conns < s->limits.connections;
	return s->n_conns + reserved < s->limits.connections && p->connections < s->limits.per_address;
}

static void take_in(struct listener *l, int fd, struct net_address *from)
{
	struct httpd *s = l->server;
	if (l->address.any.sa_family == AF_UNIX)
		from->any.sa_family = AF_UNIX;
	bool local = net_address_is_local(from);
	struct peer *p = local ? NULL : peer_find(s, from);
	if (p)
		p->connections++;
	if (!has_place(s, local, p)) {
		turn_away(l, fd);
		if (p)
			listener_peer_left(s, p);
		return;
	}
	char text[64];
	struct conn *c = conn_new(s, l, fd);
	c->local = local;
	c->peer = p;
	c->peer_text = mem_strdup(net_address_format(from, text, sizeof(text)));
}

static void on_rested(void *ctx)
{
	struct listener *l = ctx;
	loop_fd_events(&l->io, LOOP_READ);
}

static bool is_shortage(int e)
{
	return e == EMFILE || e == ENFILE || e == ENOMEM || e == ENOBUFS;
}

static void on_acceptable(void *ctx, unsigned events _unused_)
{
	struct listener *l = ctx;
	l->server->now_ms = loop_now(l->server->loop);
	for (unsigned i = 0; i < HTTPD_ACCEPT_ROUND; i++) {
		struct net_address from = {.len = sizeof(from.v6)};
		int fd = accept4(l->fd, &from.any, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			take_in(l, fd, &from);
			continue;
		}
		/* the connection stays in the backlog, so the socket stays readable: waiting is all that
		 * helps */
		if (is_shortage(errno)) {
			loop_fd_events(&l->io, 0);
			loop_timer_in(&l->rest, HTTPD_REST_MS);
		}
		/* anything else is either "no more" or the fault of that one connection (accept(2)) */
		return;
	}
}

/* --- names (DNS rebinding) --- */

/* An address cannot be made to point elsewhere, so only names are looked up. */
static bool is_address(const char *host)
{
	struct in6_addr a;
	return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

bool listener_serves(const struct listener *l, struct http1_slice host)
{
	char name[256];
	if (!l || !l->hosts)
		return true;
	if (host.len == 0 || host.len >= sizeof(name))
		return false;
	memcpy(name, host.data, host.len);
	name[host.len] = '\0';
	char *begin = name, *end;
	if (*begin == '[') {
		begin++;
		end = strchr(begin, ']');
	} else {
		end = strchr(begin, ':');
	}
	if (end)
		*end = '\0';
	if (is_address(begin) || strcasecmp(begin, "localhost") == 0)
		return true;
	for (char **h = l->hosts; *h; h++)
		if (strcasecmp(begin, *h) == 0)
			return true;
	return false;
}

/* --- life --- */

/* Inherited by every accepted socket, which costs no call for each of them. */
static void prepare_socket(const struct listener *l)
{
	int on = 1, idle_s = 60, interval_s = 15, probes = 4;
	unsigned unsent_ms = (unsigned)MIN(l->server->limits.write_ms, INT32_MAX);
	if (l->address.any.sa_family == AF_UNIX)
		return;
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(l->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	/* a peer that is gone is noticed by what it does not acknowledge */
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent_ms, sizeof(unsent_ms));
}

static char **copy_hosts(const char *const *hosts)
{
	size_t n = 0;
	if (!hosts)
		return NULL;
	while (hosts[n])
		n++;
	char **copy = mem_realloc_array(NULL, n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(hosts[i]);
	copy[n] = NULL;
	return copy;
}

void listener_close(struct listener *l)
{
	if (l->fd < 0)
		return;
	loop_fd_stop(&l->io);
	loop_timer_stop(&l->rest);
	/* before the close: until then the path is certainly ours */
	if (l->address.any.sa_family == AF_UNIX)
		(void)unlink(l->address.un.sun_path);
	(void)close(TAKE_FD(l->fd));
}

void listener_free(struct listener *l)
{
	listener_close(l);
	list_remove(&l->link);
	(void)tls_context_unref(l->tls);
	for (char **h = l->hosts; h && *h; h++)
		free(*h);
	free(l->hosts);
	free(l->cert_file);
	free(l->key_file);
	free(l->client_ca_file);
	free(l);
}

static int open_listener(struct listener *l, const char *address, struct error *err)
{
	int r = net_address_parse(address, &l->address, err);
	if (r < 0)
		return r;
	int fd = net_listen(&l->address, 1024);
	if (fd < 0)
		return error_set(err, fd, "", "listen on %s: %s", address, strerror(-fd));
	l->fd = fd;
	if (l->address.any.sa_family != AF_UNIX) {
		l->address.len = sizeof(l->address.v6);
		if (getsockname(fd, &l->address.any, &l->address.len) < 0)
			return error_set(err, -errno, "", "listen on %s: %s", address, strerror(errno));
	}
	prepare_socket(l);
	return 0;
}

int httpd_listen(struct httpd *s, const char *address, const struct httpd_tls *tls, const char *const *hosts,
                 struct error *err)
{
	struct listener *l = NEW(struct listener);
	l->server = s;
	l->fd = -1;
	list_init(&l->link);
	l->hosts = copy_hosts(hosts);
	loop_timer_init(s->loop, &l->rest, on_rested, l);
	int r = 0;
	if (tls) {
		l->cert_file = mem_strdup(tls->cert_file);
		l->key_file = mem_strdup(tls->key_file);
		l->client_ca_file = mem_strdup(tls->client_ca_file);
		r = tls_server_new(l->cert_file, l->key_file, l->client_ca_file, &l->tls, err);
	}
	if (r == 0)
		r = open_listener(l, address, err);
	if (r < 0) {
		listener_free(l);
		return r;
	}
	list_append(&s->listeners, &l->link);
	loop_fd_start(s->loop, &l->io, l->fd, LOOP_READ, on_acceptable, l);
	return 0;
}

uint16_t httpd_port(const struct httpd *s, unsigned i)
{
	list_for_each (node, &s->listeners) {
		const struct listener *l = list_entry(node, struct listener, link);
		if (l->address.any.sa_family == AF_UNIX || i-- > 0)
			continue;
		return ntohs(l->address.any.sa_family == AF_INET ? l->address.v4.sin_port
		                                                 : l->address.v6.sin6_port);
	}
	return 0;
}

int httpd_tls_reload(struct httpd *s, struct error *err)
{
	int result = 0;
	list_for_each (node, &s->listeners) {
		struct listener *l = list_entry(node, struct listener, link);
		struct tls_context *fresh;
		if (!l->tls)
			continue;
		int r = tls_server_new(l->cert_file, l->key_file, l->client_ca_file, &fresh, err);
		if (r < 0) {
			result = -EINVAL;
			continue; /* another listener's pair may be fine */
		}
		(void)tls_context_unref(l->tls);
		l->tls = fresh;
	}
	return result;
}

void httpd_accept_fd(struct httpd *s, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	s->now_ms = loop_now(s->loop);
	struct conn *c = conn_new(s, NULL, fd);
	c->local = true;
	c->peer_text = mem_strdup("unix");
}
