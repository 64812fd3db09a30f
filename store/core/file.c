#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"

int file_read(const char *path, size_t max, struct str *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = 0;
	size_t start = out->len;
	for (;;) {
		char buf[16384];
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		else if (n > 0 && out->len - start + (size_t)n > max)
			r = -E2BIG;
		if (n <= 0 || r < 0)
			break;
		str_add(out, buf, (size_t)n);
	}
	(void)close(fd);
	return r;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static void sync_directory_of(const char *path)
{
	_cleanup_free_ char *dir = mem_strdup(path);
	char *slash = strrchr(dir, '/');
	if (!slash)
		return;
	slash[slash == dir] = '\0';
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

int file_write(const char *path, const void *data, size_t len, mode_t mode)
{
	_cleanup_free_ char *beside = mem_printf("%s.new", path);
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, data, len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(beside, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(beside);
		return r;
	}
	sync_directory_of(path);
	return 0;
}

int file_mkdirs(const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = mem_strdup(path);
	for (char *p = copy + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char kept = *p;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = kept;
		if (!kept)
			return 0;
	}
}
