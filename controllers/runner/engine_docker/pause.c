/* The image of infra containers, made of one static program beside ours: nothing is pulled for it. */
#include "controllers/runner/engine_docker/docker.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "controllers/runner/engine_docker/tar.h"
#include "core/file.h"
#include "core/mem.h"

#define PAUSE_MAX (16U << 20) /* bytes of the program */

static char *beside_me(const char *name)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0)
		return mem_strdup(name);
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	return mem_printf("%.*s/%s", slash ? (int)(slash - path) : 0, path, name);
}

enum engine_result pause_tar(struct docker *d, struct str *ret, struct error *err)
{
	_cleanup_free_ char *path = d->pause_path ? mem_strdup(d->pause_path) : beside_me("tug-pause");
	_cleanup_str_ struct str program = STR_INIT;
	int r = file_read(path, PAUSE_MAX, &program);
	if (r < 0 || !program.len) {
		(void)error_set(
		        err, -ENOENT, "",
		        "%s: %s; a pod with several containers needs this program to hold its network", path,
		        r < 0 ? strerror(-r) : "the file is empty");
		return ENGINE_E_FAILED;
	}
	tar_add(ret, "tug-pause", program.data, program.len);
	tar_end(ret);
	free(d->pause_ref);
	d->pause_ref = mem_printf("tug-pause:%016" PRIx64, docker_hash(program.data, program.len));
	return ENGINE_OK;
}
