#include "contract/engine/registry.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/str.h"
#include "lib/test.h"

struct registry {
	pid_t pid;
	FILE *asks, *answers;
	char port[8], digest[80];
};

struct registry *registry_start(void)
{
	struct registry *r = NEW(struct registry);
	int in[2], out[2];
	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	r->pid = fork();
	CHECK(r->pid >= 0);
	if (r->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		execlp("python3", "python3", "tests/contract/engine/registry.py", NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	r->asks = fdopen(in[1], "w");
	r->answers = fdopen(out[0], "r");
	CHECK(fscanf(r->answers, "%7s %79s", r->port, r->digest) == 2);
	return r;
}

struct registry *registry_free(struct registry *r)
{
	int status;
	if (!r)
		return NULL;
	CHECK(kill(r->pid, SIGKILL) == 0);
	CHECK(waitpid(r->pid, &status, 0) == r->pid);
	(void)fclose(r->asks);
	(void)fclose(r->answers);
	free(r);
	return NULL;
}

char *registry_ref(const struct registry *r, const char *name)
{
	if (streq(name, "digest"))
		return mem_printf("127.0.0.1:%s/good@%s", r->port, r->digest);
	if (streq(name, "refused"))
		return mem_strdup("127.0.0.1:1/refused:1");
	if (streq(name, "no-tls")) /* only what is 127.0.0.0/8 may do without TLS */
		return mem_printf("172.17.0.1:%s/good:1", r->port);
	return mem_printf("127.0.0.1:%s/%s:1", r->port, name);
}

unsigned registry_layers(struct registry *r, const char *name)
{
	unsigned n;
	CHECK(fprintf(r->asks, "%s\n", name) > 0 && fflush(r->asks) == 0);
	CHECK(fscanf(r->answers, "%u", &n) == 1);
	return n;
}
