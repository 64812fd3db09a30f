/* Child processes: started with nothing of ours but what is named here. Ends are seen with loop_child_start(). */
#pragma once

#include <sys/types.h>

#include "core/macro.h"

struct proc_spec {
	const char *const *argv; /* NULL-terminated; argv[0] is looked for in PATH when it has no '/' */
	const char *const *env;	 /* further "NAME=value", NULL-terminated; NULL: none */
	const char *dir;	 /* working directory; NULL: ours */
	int output;		 /* descriptor for stdout and stderr; -1: ours. stdin is /dev/null */
	int die_with_parent;	 /* signal that the child gets when we die (prctl(2) PR_SET_PDEATHSIG); 0: none */
};

/*
 * The child leads its own process group, so that a terminal's Ctrl-C reaches only us. Signal dispositions and mask are
 * the default ones. 0, or -errno: also when the program could not be executed.
 */
int proc_spawn(const struct proc_spec *spec, pid_t *ret_pid) _nonnull_(1, 2) _must_check_;
/* Path of the running executable's folder joined with name; to be freed. */
char *proc_beside(const char *name) _nonnull_(1);
/* "exited with status 3", "was killed by signal 9 (Killed)". Returns buf. */
const char *proc_describe(int wait_status, char *buf, size_t size) _nonnull_(2);
