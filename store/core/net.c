#include "core/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/str.h"

static int parse_unix(const char *path, struct net_address *ret, struct error *err)
{
	if (path[0] != '/')
		return error_set(err, -EINVAL, "",
		                 "unix://%s: the path has to be absolute, as in unix:///run/x.sock", path);
	if (strlen(path) >= sizeof(ret->un.sun_path))
		return error_set(err, -EINVAL, "", "unix://%s: the path is longer than %zu bytes", path,
		                 sizeof(ret->un.sun_path) - 1);
	*ret = (struct net_address){.host = "localhost"};
	ret->un.sun_family = AF_UNIX;
	memcpy(ret->un.sun_path, path, strlen(path) + 1);
	ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
	return 0;
}

/* Splits "host:port" or "[host]:port"; a trailing '/' is passed over. */
static int split(const char *rest, char *host, size_t host_size, char *port, size_t port_size)
{
	size_t len = strlen(rest);
	if (len && rest[len - 1] == '/')
		len--;
	const char *colon = memrchr(rest, ':', len);
	if (!colon)
		return -EINVAL;
	const char *begin = rest, *end = colon;
	if (*begin == '[') {
		begin++;
		if (end == begin || *--end != ']')
			return -EINVAL;
	} else if (memchr(begin, ':', (size_t)(end - begin))) {
		return -EINVAL; /* an IPv6 address without brackets */
	}
	size_t host_len = (size_t)(end - begin), port_len = (size_t)(rest + len - colon - 1);
	if (host_len >= host_size || port_len >= port_size)
		return -EINVAL;
	memcpy(host, begin, host_len);
	host[host_len] = '\0';
	memcpy(port, colon + 1, port_len);
	port[port_len] = '\0';
	return 0;
}

int net_address_parse(const char *text, struct net_address *ret, struct error *err)
{
	const char *rest = str_after(text, "unix://");
	if (rest)
		return parse_unix(rest, ret, err);
	struct net_address a = {0};
	rest = str_after(text, "https://");
	a.tls = rest != NULL;
	if (!rest)
		rest = str_after(text, "http://");
	if (!rest)
		rest = str_after(text, "tcp://");
	if (!rest)
		rest = text;
	char host[sizeof(a.host)], port_text[8];
	uint16_t port;
	if (split(rest, host, sizeof(host), port_text, sizeof(port_text)) < 0 ||
	    str_parse_u16(port_text, &port) < 0)
		return error_set(err, -EINVAL, "",
		                 "%s: not an address; write ADDRESS:PORT, [IPV6]:PORT or unix:///PATH", text);
	const char *numeric = streq(host, "localhost") ? "127.0.0.1" : *host ? host : "0.0.0.0";
	(void)snprintf(a.host, sizeof(a.host), "%s", *host ? host : "0.0.0.0");
	if (inet_pton(AF_INET, numeric, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons(port);
		a.len = sizeof(a.v4);
	} else if (inet_pton(AF_INET6, numeric, &a.v6.sin6_addr) == 1) {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons(port);
		a.len = sizeof(a.v6);
	} else {
		return error_set(err, -EINVAL, "", "%s: the host has to be an IP address or localhost", text);
	}
	*ret = a;
	return 0;
}

const char *net_address_format(const struct net_address *a, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?";
	switch (a->any.sa_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		(void)snprintf(buf, size, "%s:%u", host, ntohs(a->v4.sin_port));
		break;
	case AF_INET6:
		(void)inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
		(void)snprintf(buf, size, "[%s]:%u", host, ntohs(a->v6.sin6_port));
		break;
	default:
		(void)snprintf(buf, size, "unix");
	}
	return buf;
}

bool net_address_is_local(const struct net_address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	if (a->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr) && a->v6.sin6_addr.s6_addr[12] == 127);
	return a->any.sa_family == AF_UNIX;
}

static int new_socket(const struct net_address *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int net_connect(const struct net_address *a)
{
	int fd = new_socket(a);
	if (fd < 0)
		return fd;
	if (a->any.sa_family != AF_UNIX) {
		int one = 1;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (connect(fd, &a->any, a->len) < 0 && errno != EINPROGRESS) {
		int r = -errno;
		(void)close(fd);
		return r;
	}
	return fd;
}

int net_connect_result(int fd)
{
	int e = 0;
	socklen_t len = sizeof(e);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
		return -errno;
	return -e;
}

/* A socket file that nobody listens on any more is in the way; one that answers is left alone. */
static void remove_dead_socket(const struct net_address *a)
{
	struct stat st;
	if (stat(a->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	int fd = new_socket(a);
	if (fd < 0)
		return;
	if (connect(fd, &a->any, a->len) < 0 && errno == ECONNREFUSED)
		(void)unlink(a->un.sun_path);
	(void)close(fd);
}

int net_listen(const struct net_address *a, int backlog)
{
	int fd = new_socket(a), r = 0, one = 1;
	if (fd < 0)
		return fd;
	mode_t mask = 0;
	if (a->any.sa_family == AF_UNIX) {
		remove_dead_socket(a);
		mask = umask(0177);
	} else {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	}
	if (bind(fd, &a->any, a->len) < 0 || listen(fd, backlog) < 0)
		r = -errno;
	if (a->any.sa_family == AF_UNIX)
		(void)umask(mask);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}
