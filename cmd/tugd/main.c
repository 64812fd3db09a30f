/* tugd: one executable, one process per role. See `tugd --help`. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controllers/api/api.h"
#include "controllers/health/health.h"
#include "controllers/runner/runner.h"
#include "controllers/runtime/role.h"
#include "controllers/scheduler/scheduler.h"
#include "controllers/up/follow.h"
#include "controllers/up/up.h"
#include "core/file.h"
#include "core/mem.h"

enum { EXIT_USAGE = 2 };

static const struct {
	const char *name;
	int (*run)(struct role *r);
	const char *doc;
} roles[] = {
        {"api", api_run, "the cluster API: HTTP for people and programs"},
        {"scheduler", scheduler_run, "decides which pods run where"},
        {"runner", runner_run, "makes this node's pods run in the container engine"},
        {"health", health_run, "reports that this node lives and what it has"},
};

static void print_options(void)
{
	(void)puts("\nOptions (each also as the variable, and as a key of the config file):");
	for (const struct option_row *row = option_table; row->env; row++) {
		char flag[64] = "";
		if (row->flag)
			(void)snprintf(flag, sizeof(flag), "--%s%s%s", row->flag, row->value ? " " : "",
			               row->value ? row->value : "");
		printf("  %-26s %-18s %s%s%s%s\n", flag, row->env, row->doc,
		       row->dflt && !row->secret ? " (" : "", row->dflt && !row->secret ? row->dflt : "",
		       row->dflt && !row->secret ? ")" : "");
	}
}

static void print_help(void)
{
	(void)puts("Examples:\n"
	           "  tugd up                          run this machine's part of tug, in the foreground\n"
	           "  tugd up --detach                 the same in the background; tells when it is ready\n"
	           "  tugd up --etcd http://10.0.0.2:2379 --node n2\n"
	           "  tugd up --print-config           what would be used, and where each value came from\n"
	           "  tug down                         stop it, the containers too\n"
	           "\n"
	           "Usage: tugd up [--detach] [--print-config] [OPTIONS]\n"
	           "       tugd ROLE [OPTIONS]         one role by itself; `tugd up` starts them all\n"
	           "       tugd runner --stop-all      stop and remove all containers of this node's pods\n"
	           "       tugd --version\n"
	           "\n"
	           "Roles:");
	for (size_t i = 0; i < ELEMENTS(roles); i++)
		printf("  %-12s %s\n", roles[i].name, roles[i].doc);
	print_options();
}

static int usage(const char *text)
{
	(void)fprintf(stderr, "tugd: %s; see `tugd --help`\n", text);
	return EXIT_USAGE;
}

static int open_log(const struct options *o, char **ret_path)
{
	_cleanup_free_ char *dir = options_path(o, "log");
	_cleanup_free_ char *path = options_path(o, "log/tugd.log");
	int r = file_mkdirs(dir, 0700);
	if (r < 0)
		return r;
	struct stat st;
	if (stat(path, &st) == 0 && st.st_size > 16 * 1024 * 1024) {
		_cleanup_free_ char *old = mem_printf("%s.1", path);
		(void)rename(path, old);
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	*ret_path = TAKE_PTR(path);
	return fd;
}

static int up_detached(struct options *o)
{
	_cleanup_free_ char *log = NULL;
	int log_fd = open_log(o, &log), report[2];
	if (log_fd < 0 || pipe2(report, O_CLOEXEC) < 0) {
		(void)fprintf(stderr, "tugd: %s/log/tugd.log: %s\n", o->data_dir,
		              strerror(log_fd < 0 ? -log_fd : errno));
		return 1;
	}
	pid_t pid = fork();
	if (pid < 0) {
		(void)fprintf(stderr, "tugd: fork: %s\n", strerror(errno));
		return 1;
	}
	if (pid > 0) {
		(void)close(report[1]);
		return follow_start(&(struct follow){.fd = report[0],
		                                     .child = pid,
		                                     .log = log,
		                                     .patience_ms = FOLLOW_PATIENCE_MS,
		                                     .word_ms = FOLLOW_WORD_MS,
		                                     .out = stdout,
		                                     .err = stderr});
	}
	(void)close(report[0]);
	(void)setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
	    dup2(log_fd, STDERR_FILENO) < 0)
		_exit(1);
	exit(up_run(o, report[1]));
}

static int up(struct options *o, int argc, char **argv)
{
	bool detach = false, print = false;
	for (int i = 0; i < argc; i++) {
		detach |= streq(argv[i], "--detach") || streq(argv[i], "-d");
		print |= streq(argv[i], "--print-config");
		if (!streq(argv[i], "--detach") && !streq(argv[i], "-d") && !streq(argv[i], "--print-config"))
			return usage(argv[i]);
	}
	if (print) {
		_cleanup_str_ struct str text = STR_INIT;
		options_print(o, &text);
		(void)fputs(str_get(&text), stdout);
		return 0;
	}
	return detach ? up_detached(o) : up_run(o, -1);
}

static int role(struct options *o, const char *name, int argc, char **argv)
{
	bool stop_all = argc == 1 && streq(name, "runner") && streq(argv[0], "--stop-all");
	if (argc > 0 && !stop_all)
		return usage(argv[0]);
	for (size_t i = 0; i < ELEMENTS(roles); i++) {
		if (!streq(roles[i].name, name))
			continue;
		struct role r;
		if (stop_all)
			options_recall(o); /* those of the node that was up here, whatever it was called */
		if (role_init(&r, roles[i].name, o, !stop_all) < 0)
			return 1;
		int status = stop_all ? runner_stop_all(&r) : roles[i].run(&r);
		role_done(&r);
		return status;
	}
	_cleanup_free_ char *text = mem_printf("%s: no such command", name);
	return usage(text);
}

/* Words that options_load does not know (--detach) are collected behind those it does. */
static int parse(struct options *o, int argc, char **argv, int *ret_rest, char ***ret_words,
                 struct error *err)
{
	char **known = mem_zalloc(((size_t)argc + 1) * sizeof(*known));
	char **rest = mem_zalloc(((size_t)argc + 1) * sizeof(*rest));
	static const char *const own[] = {"--detach", "-d", "--print-config", "--stop-all"};
	int n_known = 0, n_rest = 0;
	for (int i = 0; i < argc; i++) {
		bool mine = false;
		for (size_t k = 0; k < ELEMENTS(own); k++)
			mine |= streq(argv[i], own[k]);
		if (mine)
			rest[n_rest++] = argv[i];
		else
			known[n_known++] = argv[i];
	}
	int used = 0, r = options_load(o, n_known, known, &used, err);
	if (r == 0 && used < n_known)
		r = error_set(err, -EINVAL, "", "%s: no such option", known[used]);
	free(known);
	*ret_rest = n_rest;
	*ret_words = rest;
	return r;
}

int main(int argc, char **argv)
{
	if (argc < 2 || streq(argv[1], "--help") || streq(argv[1], "-h") || streq(argv[1], "help")) {
		print_help();
		return argc < 2 ? EXIT_USAGE : 0;
	}
	if (streq(argv[1], "--version") || streq(argv[1], "version")) {
		(void)puts("tugd " TUG_VERSION);
		return 0;
	}
	for (int i = 2; i < argc; i++) {
		if (streq(argv[i], "--help") || streq(argv[i], "-h")) {
			print_help();
			return 0;
		}
	}
	struct options o;
	struct error err = {0};
	int n_rest;
	char **rest;
	if (parse(&o, argc - 2, argv + 2, &n_rest, &rest, &err) < 0) {
		char text[768];
		options_done(&o);
		free(rest);
		return usage(error_format(&err, text, sizeof(text)));
	}
	int status = streq(argv[1], "up") ? up(&o, n_rest, rest) : role(&o, argv[1], n_rest, rest);
	options_done(&o);
	free(rest);
	return status;
}
