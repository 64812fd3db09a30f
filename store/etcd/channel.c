#include "etcd/channel.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GATHER_BYTES 1024 /* more than a PING and an answer to a keep-alive, in TLS records */

static int failed(struct channel *c, int code)
{
	(void)snprintf(c->text, sizeof(c->text), "%s", strerror(-code));
	return code;
}

/* A peer that vanished without a word is noticed by the kernel even while no call is open and nothing is
 * sent. */
static void watch_peer(int fd)
{
	int on = 1, idle_s = 30, interval_s = 10, probes = 3;
	unsigned unsent_ms = 20000;
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent_ms, sizeof(unsent_ms));
}

int channel_open(struct channel *c, struct loop *l, const struct net_address *a, struct tls_context *tls,
                 void (*on_ready)(void *, unsigned), void *ctx)
{
	*c = (struct channel){.fd = net_connect(a)};
	if (c->fd < 0) {
		int r = c->fd;
		c->fd = -1;
		return failed(c, r);
	}
	if (a->any.sa_family != AF_UNIX)
		watch_peer(c->fd);
	if (tls)
		c->tls = tls_connect(tls, c->fd, a->host);
	loop_fd_start(l, &c->io, c->fd, LOOP_WRITE, on_ready, ctx);
	return 0;
}

void channel_close(struct channel *c)
{
	loop_fd_stop(&c->io);
	if (c->tls && c->established)
		tls_shutdown(c->tls);
	c->tls = tls_free(c->tls);
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	c->established = false;
}

/* A result of tls.h as an -errno; -EAGAIN also notes which direction it waits for. */
static int tls_outcome(struct channel *c, ssize_t r)
{
	if (r == TLS_WANT_WRITE)
		c->blocked = true;
	if (r == TLS_WANT_WRITE || r == TLS_WANT_READ)
		return -EAGAIN;
	if (r == TLS_CLOSED)
		return failed(c, -ECONNRESET);
	(void)snprintf(c->text, sizeof(c->text), "TLS: %s", tls_error(c->tls));
	return -EPROTO;
}

int channel_establish(struct channel *c)
{
	if (c->established)
		return 0;
	if (!c->connected) {
		int r = net_connect_result(c->fd);
		if (r < 0)
			return failed(c, r);
		c->connected = true;
	}
	c->blocked = false;
	if (c->tls) {
		int r = tls_handshake(c->tls);
		if (r < 0)
			return tls_outcome(c, r);
		const char *protocol = tls_alpn(c->tls);
		if (!protocol || strcmp(protocol, "h2") != 0) {
			(void)snprintf(c->text, sizeof(c->text), "the server does not speak HTTP/2 over TLS");
			return -EPROTO;
		}
	}
	c->established = true;
	return 0;
}

ssize_t channel_read(struct channel *c, void *buf, size_t len)
{
	if (c->tls) {
		ssize_t n = tls_read(c->tls, buf, len);
		if (n == TLS_CLOSED)
			return 0;
		return n > 0 ? n : tls_outcome(c, n);
	}
	ssize_t n = read(c->fd, buf, len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	return n < 0 ? failed(c, -errno) : n;
}

ssize_t channel_write(struct channel *c, const void *buf, size_t len)
{
	if (c->tls) {
		ssize_t n = tls_write(c->tls, buf, len);
		return n > 0 ? n : tls_outcome(c, n);
	}
	ssize_t n = send(c->fd, buf, len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		c->blocked = true;
		return -EAGAIN;
	}
	return n < 0 ? failed(c, -errno) : n;
}

void channel_gather(struct channel *c, bool on)
{
	int least = on ? GATHER_BYTES : 1;
	if (c->fd >= 0)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
}

void channel_wait(struct channel *c)
{
	if (c->fd < 0)
		return;
	unsigned events = !c->connected ? LOOP_WRITE : LOOP_READ | (c->blocked ? LOOP_WRITE : 0U);
	loop_fd_events(&c->io, events);
	if (c->established && c->tls && tls_pending(c->tls))
		loop_fd_feed(&c->io, LOOP_READ);
}
