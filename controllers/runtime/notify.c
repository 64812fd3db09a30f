#include "controllers/runtime/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A leading '@' is an abstract address, as systemd writes it. */
static socklen_t fill(struct sockaddr_un *a, const char *path)
{
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(a->sun_path))
		return 0;
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(a->sun_path, path, n);
	if (path[0] == '@')
		a->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

void notify_send(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a;
	socklen_t len = path ? fill(&a, path) : 0;
	if (!len)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&a, len);
	(void)close(fd);
}

int notify_listen(const char *path)
{
	struct sockaddr_un a;
	socklen_t len = fill(&a, path);
	if (!len)
		return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	if (bind(fd, (const struct sockaddr *)&a, len) < 0) {
		int r = -errno;
		(void)close(fd);
		return r;
	}
	return fd;
}
