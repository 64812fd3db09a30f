#include "controllers/up/up.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controllers/runtime/notify.h"
#include "controllers/runtime/role.h"
#include "controllers/up/control.h"
#include "controllers/up/etcd_child.h"
#include "controllers/up/plan.h"
#include "controllers/up/register.h"
#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/proc.h"

#define CHILDREN_MAX 8
#define PROGRESS_MS  500

struct child {
	struct up *up;
	struct child_view view;
	struct loop_child watch;
	const char *argv[3]; /* of a role; etcd has its own */
	const char *env[2];
	pid_t pid;
	bool ready; /* said so itself (roles) */
	uint64_t starts;
};

struct up {
	struct role role; /* loop, log, signals, and the store for the registration */
	struct child children[CHILDREN_MAX];
	size_t n_children;
	struct etcd_child etcd;
	bool own_etcd;
	struct registration *registration;
	bool registered;
	struct control *control;
	enum up_goal goal;
	bool down;                 /* containers are to go too */
	bool left;                 /* some of them could not be made to */
	struct loop_child cleaner; /* `tugd runner --stop-all` */
	struct loop_fd cleaner_output;
	int cleaner_fd;
	struct loop_fd notify;
	int notify_fd;
	int lock_fd;
	int report_fd;
	struct loop_timer progress; /* while somebody waits at report_fd */
	char *waits_for;            /* as told last; NULL: nothing yet */
	char *program;              /* tugd */
	char *notify_env;           /* "NOTIFY_SOCKET=...": the roles tell us, and we whoever started us */
	struct loop_task turn;
	struct loop_timer wake;
	struct arena arena;
};

static const char *const role_names[] = {"api", "scheduler", "runner", "health"};

/* --- telling whoever waits --- */

static void report_close(struct up *u)
{
	loop_timer_stop(&u->progress);
	if (u->report_fd >= 0)
		(void)close(TAKE_FD(u->report_fd));
}

/* A line to whoever started us; when nobody listens any more there is nothing to tell. */
static void report_line(struct up *u, const char *line)
{
	ssize_t n = u->report_fd >= 0 ? write(u->report_fd, line, strlen(line)) : -1;
	if (n < 0)
		report_close(u);
}

static void report(struct up *u, const char *verdict)
{
	report_line(u, verdict);
	report_close(u);
}

/* What the start waits for, in the order in which things come up. */
static void waits_for(const struct up *u, struct str *out)
{
	const struct store *s = u->role.store;
	if (s->state != STORE_READY) {
		str_printf(out, "etcd at %s%s%s", u->role.options.etcd, *s->state_text ? ": " : "",
		           s->state_text);
		if (u->own_etcd && u->children[0].starts > 1)
			str_printf(out, " (started %" PRIu64 " times)", u->children[0].starts);
		return;
	}
	const char *joint = "";
	for (size_t i = 0; i < u->n_children; i++) {
		const struct child *c = &u->children[i];
		if (c->ready)
			continue;
		str_printf(out, "%s%s", joint, c->view.name);
		if (c->starts > 1)
			str_printf(out, " (started %" PRIu64 " times)", c->starts);
		joint = ", ";
	}
	if (!u->registered)
		str_printf(out, "%sthe node's record in etcd", joint);
}

static void on_progress(void *ctx)
{
	struct up *u = ctx;
	_cleanup_str_ struct str what = STR_INIT;
	waits_for(u, &what);
	loop_timer_in(&u->progress, PROGRESS_MS);
	if (!what.len || str_equal(str_get(&what), u->waits_for))
		return;
	free(u->waits_for);
	u->waits_for = mem_strdup(str_get(&what));
	_cleanup_free_ char *line = mem_printf("wait: %s\n", u->waits_for);
	report_line(u, line);
}

static void say(struct up *u, const char *line)
{
	if (u->control)
		control_say(u->control, line, strlen(line));
}

static void check_ready(struct up *u)
{
	bool ready = u->registered && !u->role.stopping && !u->role.ready;
	for (size_t i = 0; i < u->n_children && ready; i++)
		ready = u->children[i].ready;
	if (!ready)
		return;
	role_ready(&u->role);
	report(u, "ready\n");
}

/* --- children --- */

static void on_child_exit(void *ctx, int status)
{
	struct child *c = ctx;
	struct up *u = c->up;
	int64_t now = loop_now(u->role.loop);
	char how[96];
	enum log_level level = u->goal == UP_RUN ? LOG_WARN : LOG_INFO;
	log_event(level, "child.end", c->view.name, "pid=%d how=%s", (int)c->pid,
	          log_quote(proc_describe(status, how, sizeof(how))));
	c->view.failures = up_failures(&c->view, now);
	c->view.state = CHILD_DOWN;
	c->view.since_ms = now;
	c->pid = 0;
	loop_task_schedule(&u->turn);
}

static void child_start(struct up *u, struct child *c, const char *why)
{
	bool etcd = c->view.stage == 0;
	if (etcd)
		etcd_child_renew(&u->etcd);
	struct proc_spec spec = {
	        .argv = etcd ? (const char *const *)u->etcd.argv : c->argv,
	        .env = etcd ? (const char *const *)u->etcd.env : c->env,
	        .output = -1,
	        /* nothing of ours outlives the supervisor: the next one starts afresh and adopts the
	           containers */
	        .die_with_parent = SIGKILL,
	};
	int r = proc_spawn(&spec, &c->pid);
	c->view.since_ms = loop_now(u->role.loop);
	if (r == 0) {
		r = loop_child_start(u->role.loop, &c->watch, c->pid, on_child_exit, c);
		if (r < 0)
			(void)kill(c->pid, SIGKILL);
	}
	if (r < 0) {
		c->view.failures++;
		log_event(LOG_ERROR, "child.failed", c->view.name, "why=%s", log_quote(strerror(-r)));
		return;
	}
	c->view.state = CHILD_RUNNING;
	c->starts++;
	log_event(LOG_INFO, "child.start", c->view.name, "pid=%d why=%s", (int)c->pid, log_quote(why));
}

static void child_signal(struct up *u, struct child *c, enum child_state state, int signum, const char *why)
{
	log_event(LOG_INFO, "child.stop", c->view.name, "signal=%d why=%s", signum, log_quote(why));
	c->view.state = state;
	c->view.since_ms = loop_now(u->role.loop);
	(void)kill(c->pid, signum);
}

/* --- the containers, on `tug down` --- */

static void stop_etcd(struct up *u)
{
	u->goal = UP_STOP_ALL;
	loop_task_schedule(&u->turn);
}

/* Passes on a piece of what the cleaner says; false: there is none now. */
static bool pass_on(struct up *u)
{
	char buf[4096];
	errno = 0;
	ssize_t n = read(u->cleaner_fd, buf, sizeof(buf));
	if (n <= 0)
		return n < 0 && errno == EINTR;
	ssize_t w = write(STDERR_FILENO, buf, (size_t)n);
	(void)w;
	control_say(u->control, buf, (size_t)n);
	return true;
}

static void cleaner_output_end(struct up *u)
{
	loop_fd_stop(&u->cleaner_output);
	if (u->cleaner_fd >= 0)
		(void)close(TAKE_FD(u->cleaner_fd));
}

static void on_cleaner_output(void *ctx, unsigned events _unused_)
{
	struct up *u = ctx;
	if (!pass_on(u) && errno != EAGAIN) /* its end */
		cleaner_output_end(u);
}

static void on_cleaner_exit(void *ctx, int status)
{
	struct up *u = ctx;
	while (u->cleaner_fd >= 0 && pass_on(u))
		; /* what it said last; the descriptor does not block */
	cleaner_output_end(u);
	if (status != 0) {
		say(u, "some containers could not be stopped; see the log\n");
		u->left = true;
	}
	stop_etcd(u);
}

static void clean(struct up *u)
{
	const char *const argv[] = {u->program, "runner", "--stop-all", NULL};
	int out[2] = {-1, -1};
	pid_t pid;
	int r = pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0) {
		struct proc_spec spec = {.argv = argv, .output = out[1], .die_with_parent = SIGTERM};
		r = proc_spawn(&spec, &pid);
		(void)close(out[1]);
		u->cleaner_fd = out[0];
		loop_fd_start(u->role.loop, &u->cleaner_output, out[0], LOOP_READ, on_cleaner_output, u);
	}
	if (r == 0)
		r = loop_child_start(u->role.loop, &u->cleaner, pid, on_cleaner_exit, u);
	if (r < 0) {
		log_event(LOG_ERROR, "containers.stop", NULL, "why=%s", log_quote(strerror(-r)));
		say(u, "the containers could not be stopped; see the log\n");
		u->left = true;
		stop_etcd(u);
	}
}

/* --- the turn --- */

static void on_turn(void *ctx)
{
	struct up *u = ctx;
	struct child_view views[CHILDREN_MAX];
	for (size_t i = 0; i < u->n_children; i++)
		views[i] = u->children[i].view;
	struct up_plan plan;
	up_plan(views, u->n_children, u->goal, loop_now(u->role.loop), &u->arena, &plan);
	for (size_t i = 0; i < plan.n_actions; i++) {
		struct child *c = &u->children[plan.actions[i].child];
		switch (plan.actions[i].verb) {
		case UP_START:
			child_start(u, c, plan.actions[i].why);
			break;
		case UP_TERM:
			child_signal(u, c, CHILD_TERMINATING, SIGTERM, plan.actions[i].why);
			break;
		case UP_KILL:
			child_signal(u, c, CHILD_KILLED, SIGKILL, plan.actions[i].why);
			break;
		}
	}
	if (plan.n_actions)
		loop_task_schedule(&u->turn); /* deadlines of what was just done */
	if (plan.wake_at_ms)
		loop_timer_at(&u->wake, plan.wake_at_ms);
	else
		loop_timer_stop(&u->wake);
	arena_reset(&u->arena);
	if (!plan.done)
		return;
	if (u->goal == UP_STOP_ROLES) {
		say(u, "roles stopped; stopping containers\n");
		u->goal = UP_RUN; /* nothing is to be decided until the cleaner has ended */
		u->n_children = u->own_etcd ? 1 : 0;
		clean(u);
	} else {
		say(u, u->left ? "tug is down, but not all of its containers are\n" : "tug is down\n");
		role_quit(&u->role, u->role.status);
	}
}

static void on_wake(void *ctx)
{
	struct up *u = ctx;
	loop_task_schedule(&u->turn);
}

static void stop(struct up *u, bool down)
{
	if (u->goal != UP_RUN || u->down)
		return;
	u->down = down;
	u->role.stopping = true;
	u->goal = down ? UP_STOP_ROLES : UP_STOP_ALL;
	notify_send("STOPPING=1");
	loop_task_schedule(&u->turn);
}

static void on_stop(void *ctx)
{
	stop(ctx, false);
}

static void on_down(void *ctx)
{
	struct up *u = ctx;
	log_event(LOG_INFO, "node.down", u->role.options.node, "why=asked");
	say(u, "stopping the roles\n");
	stop(u, true);
}

static void on_status(void *ctx, struct str *out)
{
	struct up *u = ctx;
	static const char *const words[] = {
	        [CHILD_DOWN] = "down",
	        [CHILD_RUNNING] = "running",
	        [CHILD_TERMINATING] = "stopping",
	        [CHILD_KILLED] = "killed",
	};
	int64_t now = loop_now(u->role.loop);
	str_printf(out, "{\"node\":\"%s\",\"ready\":%s,\"children\":[", u->role.options.node,
	           u->role.ready ? "true" : "false");
	for (size_t i = 0; i < u->n_children; i++) {
		const struct child *c = &u->children[i];
		str_printf(out,
		           "%s{\"name\":\"%s\",\"state\":\"%s\",\"pid\":%d,\"sinceMs\":%" PRId64
		           ",\"starts\":%" PRIu64 "}",
		           i ? "," : "", c->view.name, words[c->view.state], (int)c->pid,
		           now - c->view.since_ms, c->starts);
	}
	str_puts(out, "]}\n");
}

static const struct control_callbacks control_callbacks = {.on_status = on_status, .on_down = on_down};

/* --- readiness --- */

static void on_notify(void *ctx, unsigned events _unused_)
{
	struct up *u = ctx;
	char text[256];
	ssize_t n;
	while ((n = recv(u->notify_fd, text, sizeof(text) - 1, 0)) >= 0) {
		text[n] = '\0';
		for (size_t i = 0; i < u->n_children; i++) {
			char mark[64];
			(void)snprintf(mark, sizeof(mark), "X_TUG_ROLE=%s\n", u->children[i].view.name);
			if (strstr(text, "READY=1\n") && strstr(text, mark))
				u->children[i].ready = true;
		}
	}
	check_ready(u);
}

static void on_registered(void *ctx, const char *why_not)
{
	struct up *u = ctx;
	if (why_not) {
		log_event(LOG_ERROR, "node.refused", u->role.options.node, "why=%s", log_quote(why_not));
		if (u->registered)
			return; /* by the store that was there before; what runs here goes on */
		_cleanup_free_ char *line = mem_printf("failed: %s\n", why_not);
		report(u, line);
		u->role.status = 1;
		stop(u, false);
		return;
	}
	u->registered = true;
	log_event(LOG_INFO, "node.registered", u->role.options.node, "etcd=%s", u->role.options.etcd);
	check_ready(u);
}

/* --- setting up --- */

static int fail(struct up *u, const struct error *err)
{
	char text[768];
	(void)error_format(err, text, sizeof(text));
	log_event(LOG_ERROR, "node.failed", NULL, "why=%s", log_quote(text));
	_cleanup_free_ char *line = mem_printf("failed: %s\n", text);
	report(u, line);
	return -EINVAL;
}

/* 0; 1 when another tugd has this data directory (told); or -errno. */
static int take_lock(struct up *u, const struct options *o, struct error *err)
{
	_cleanup_free_ char *run = options_path(o, "run");
	_cleanup_free_ char *path = options_path(o, "run/up.lock");
	int r = file_mkdirs(run, 0700);
	if (r < 0)
		return error_set(err, r, run, "%s", strerror(-r));
	u->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (u->lock_fd < 0)
		return error_set(err, -errno, path, "%s", strerror(errno));
	char text[32] = "";
	if (flock(u->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = read(u->lock_fd, text, sizeof(text) - 1);
		text[MAX(n, 0)] = '\0';
		_cleanup_free_ char *line = mem_printf("already: tug is up here already (process %.*s, %s)\n",
		                                       (int)strcspn(text, "\n"), text, o->data_dir);
		if (u->report_fd < 0)
			(void)fputs(str_after(line, "already: "), stderr);
		report(u, line);
		return 1;
	}
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(u->lock_fd, 0) < 0 || pwrite(u->lock_fd, text, (size_t)n, 0) < 0)
		return error_set(err, -errno, path, "%s", strerror(errno));
	return 0;
}

static void add_child(struct up *u, const char *name, unsigned stage)
{
	struct child *c = &u->children[u->n_children++];
	*c = (struct child){.up = u, .argv = {u->program, name, NULL}, .env = {u->notify_env, NULL}};
	c->view = (struct child_view){.name = name, .stage = stage};
	c->ready = stage == 0; /* that etcd works shows in the roles */
}

static int set_up(struct up *u, struct options *o, struct error *err)
{
	_cleanup_free_ char *notify_path = options_path(o, "run/notify.sock");
	u->notify_env = mem_printf("NOTIFY_SOCKET=%s", notify_path);
	u->own_etcd = o->etcd == NULL;
	if (u->own_etcd) {
		int r = etcd_child_init(&u->etcd, o, err);
		if (r < 0)
			return r;
		o->etcd = mem_strdup(u->etcd.endpoint);
		add_child(u, "etcd", 0);
	}
	for (size_t i = 0; i < ELEMENTS(role_names); i++)
		add_child(u, role_names[i], 1);
	int r = etcd_env_write(o);
	if (r == 0)
		r = options_remember(o);
	if (r < 0)
		return error_set(err, r, o->data_dir, "%s", strerror(-r));
	u->notify_fd = notify_listen(notify_path);
	if (u->notify_fd < 0)
		return error_set(err, u->notify_fd, notify_path, "%s", strerror(-u->notify_fd));
	options_export(o);
	return 0;
}

/* The children are to notify us, and we whoever started us: the variable is ours again after each spawn's
 * copy. */
static int start(struct up *u, struct error *err)
{
	const struct options *o = &u->role.options;
	_cleanup_free_ char *control_path = options_path(o, "run/up.sock");
	u->control = control_new(u->role.loop, control_path, &control_callbacks, u, err);
	if (!u->control)
		return -EINVAL;
	loop_fd_start(u->role.loop, &u->notify, u->notify_fd, LOOP_READ, on_notify, u);
	u->registration = registration_new(u->role.store, o, on_registered, u);
	if (u->report_fd >= 0)
		on_progress(u);
	loop_task_schedule(&u->turn);
	return 0;
}

static void done(struct up *u)
{
	u->registration = registration_free(u->registration);
	u->control = control_free(u->control);
	loop_fd_stop(&u->notify);
	loop_timer_stop(&u->wake);
	loop_task_cancel(&u->turn);
	if (u->notify_fd >= 0)
		(void)close(u->notify_fd);
	if (u->lock_fd >= 0)
		(void)close(u->lock_fd);
	report_close(u);
	if (u->own_etcd)
		etcd_child_done(&u->etcd);
	arena_done(&u->arena);
	free(u->program);
	free(u->notify_env);
	free(u->waits_for);
}

int up_run(struct options *options, int report_fd)
{
	struct up *u = NEW(struct up);
	u->report_fd = report_fd;
	u->notify_fd = u->lock_fd = u->cleaner_fd = -1;
	u->program = proc_beside("tugd");
	struct error err = {0};
	int status = 1, r = take_lock(u, options, &err);
	if (r == 0)
		r = set_up(u, options, &err);
	bool running = r == 0 && role_init(&u->role, "up", options, true) == 0;
	if (running) {
		u->role.on_stop = on_stop;
		u->role.on_stop_ctx = u;
		loop_task_init(u->role.loop, &u->turn, on_turn, u);
		loop_timer_init(u->role.loop, &u->wake, on_wake, u);
		loop_timer_init(u->role.loop, &u->progress, on_progress, u);
		r = start(u, &err);
	}
	if (r < 0)
		(void)fail(u, &err);
	else if (r > 0)
		status = report_fd >= 0
		                 ? 0
		                 : 1; /* in the background it is up, as was wanted; in front it cannot be */
	else if (running)
		status = role_run(&u->role);
	done(u);
	if (running)
		role_done(&u->role);
	free(u);
	return status;
}
