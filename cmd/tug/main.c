/* tug: the command line, a pure HTTP client. The table below is parser, help, man page and completion. */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/tug/cli.h"
#include "core/json.h"
#include "core/mem.h"

/* clang-format off */
const struct flag common_flags[] = {
	{"host", 'H', "URL", "the API: http://ADDR:PORT, https://..., unix:///PATH (TUG_HOST)"},
	{"project", 'p', "NAME", "project; default: default (TUG_PROJECT)"},
	{"all-projects", 'A', NULL, "all projects"},
	{"output", 'o', "FORMAT", "json, yaml, wide or name"},
	{"quiet", 'q', NULL, "no chatter"},
	{"no-color", 0, NULL, "no colours (also NO_COLOR)"},
	{"help", 'h', NULL, "this text"},
	{0},
};

static const struct flag apply_flags[] = {
	{"file", 'f', "FILE", "file, directory (all .yaml, .yml, .json in it), URL or - for stdin; may be repeated"},
	{"dry-run", 0, NULL, "check only, change nothing"},
	{"wait", 'w', NULL, "until all pods are ready"},
	{"timeout", 0, "TIME", "bound of --wait; default 5m"},
	{0},
};
static const struct flag delete_flags[] = {
	{"file", 'f', "FILE", "delete what stands in it; as in tug apply"},
	{"dry-run", 0, NULL, "check only, delete nothing"},
	{"wait", 'w', NULL, "until its pods are gone"},
	{"timeout", 0, "TIME", "bound of --wait; default 5m"},
	{"ignore-not-found", 0, NULL, "what is not there is fine"},
	{0},
};
static const struct flag get_flags[] = {
	{"watch", 'w', NULL, "go on and print changes"},
	{0},
};
static const struct flag logs_flags[] = {
	{"follow", 'f', NULL, "go on as the program writes"},
	{"container", 'c', "NAME", "container, where the pod has several"},
	{"tail", 'n', "LINES", "only the last lines"},
	{"since", 0, "TIME", "only what is younger (10m, 2h)"},
	{"timestamps", 't', NULL, "with the time of each line"},
	{0},
};
static const struct flag events_flags[] = {
	{"watch", 'w', NULL, "go on as they happen"},
	{"since", 0, "TIME", "only what is younger (10m, 2h)"},
	{"object", 0, "OBJECT", "only of this one: microservice/default/web, pod/default/web-0-..., node/n1"},
	{0},
};
static const struct flag scale_flags[] = {
	{"wait", 'w', NULL, "until all pods are ready"},
	{"timeout", 0, "TIME", "bound of --wait; default 5m"},
	{0},
};

const struct command commands[] = {
	{"apply", "-f FILE|DIR|URL|-", "create or change what a file describes",
	 "  tug apply -f web.yaml\n"
	 "  tug apply -f deploy/ --wait\n"
	 "  tug apply -f https://example.org/web.yaml\n"
	 "  cat web.json | tug apply -f -\n",
	 "YAML or JSON, several documents in one file. What is already so stays untouched.",
	 apply_flags, 0, 0, COMPLETE_NOTHING, run_apply},
	{"get", "KIND [NAME...]", "list objects, or show some",
	 "  tug get microservices\n"
	 "  tug get pods -A -o wide\n"
	 "  tug get microservice web -o yaml\n"
	 "  tug get pods --watch\n",
	 "Kinds: microservices (ms), pods, nodes, health, revisions, endpoints, events.",
	 get_flags, 1, ~0U, COMPLETE_OBJECT, run_get},
	{"ps", "[SERVICE]", "what runs where",
	 "  tug ps\n"
	 "  tug ps web\n"
	 "  tug ps -A -o json\n",
	 NULL, NULL, 0, 1, COMPLETE_SERVICE, run_ps},
	{"describe", "KIND NAME", "all about one object: definition, status, pods, events",
	 "  tug describe microservice web\n"
	 "  tug describe pod web-0-1a2b3c4d5e\n"
	 "  tug describe node n1\n",
	 NULL, NULL, 1, 2, COMPLETE_OBJECT, run_describe},
	{"delete", "KIND NAME... | -f FILE", "delete objects; volumes are kept",
	 "  tug delete microservice web\n"
	 "  tug delete ms/web ms/api node/n3\n"
	 "  tug delete -f deploy/ --wait\n",
	 NULL, delete_flags, 0, ~0U, COMPLETE_OBJECT, run_delete},
	{"scale", "SERVICE N", "set the number of pods of a microservice",
	 "  tug scale web 5\n"
	 "  tug scale web 0 --wait\n",
	 NULL, scale_flags, 2, 2, COMPLETE_SERVICE, run_scale},
	{"logs", "POD|SERVICE", "what containers wrote",
	 "  tug logs web\n"
	 "  tug logs -f --tail 20 web-0-1a2b3c4d5e\n"
	 "  tug logs web -c app --since 10m\n",
	 "For a microservice: the logs of all its pods one after the other; with --follow all at once, each line with\n"
	 "the name of its pod.",
	 logs_flags, 1, 1, COMPLETE_POD, run_logs},
	{"events", "", "what happened lately",
	 "  tug events\n"
	 "  tug events -w\n"
	 "  tug events --object microservice/default/web --since 1h\n",
	 NULL, events_flags, 0, 0, COMPLETE_NOTHING, run_events},
	{"nodes", "", "the machines, their states and loads",
	 "  tug nodes\n"
	 "  tug nodes -o json\n",
	 NULL, NULL, 0, 0, COMPLETE_NOTHING, run_nodes},
	{"cordon", "NODE", "let a node take no new pods",
	 "  tug cordon n1\n", NULL, NULL, 1, 1, COMPLETE_NODE, run_cordon},
	{"uncordon", "NODE", "let a node take pods again",
	 "  tug uncordon n1\n", NULL, NULL, 1, 1, COMPLETE_NODE, run_cordon},
	{"explain", "KIND[.FIELD...]", "what a kind or one of its fields means",
	 "  tug explain microservice\n"
	 "  tug explain microservice.containers.memLimit\n",
	 NULL, NULL, 1, 1, COMPLETE_KIND, run_explain},
	{"down", "", "stop tug on this machine, the containers too",
	 "  tug down\n"
	 "  TUG_DATA_DIR=/srv/tug tug down\n",
	 "Volumes, images and everything in the store stay: `tugd up` brings it all back.",
	 NULL, 0, 0, COMPLETE_NOTHING, run_down},
	{"etcd env", "", "shell lines that set up etcdctl",
	 "  eval \"$(tug etcd env)\"\n"
	 "  etcdctl get --prefix --keys-only /tug/\n",
	 NULL, NULL, 0, 0, COMPLETE_NOTHING, run_etcd_env},
	{"version", "", "versions of this program and of the API",
	 "  tug version\n", NULL, NULL, 0, 0, COMPLETE_NOTHING, run_version},
	{"completion", "bash|zsh|fish", "completion for a shell",
	 "  source <(tug completion bash)\n"
	 "  tug completion fish > ~/.config/fish/completions/tug.fish\n",
	 NULL, NULL, 1, 1, COMPLETE_SHELL, run_completion},
	{"help", "[COMMAND]", "help of a command; `tug help man` prints the man page",
	 "  tug help apply\n", NULL, NULL, 0, 2, COMPLETE_COMMAND, run_help},
	{"__complete", "WORD...", NULL, NULL, NULL, NULL, 0, ~0U, COMPLETE_NOTHING, run_complete},
	{0},
};
/* clang-format on */

int cli_fail(int code, const char *fmt, ...)
{
	(void)fflush(stdout);
	(void)fputs("tug: ", stderr);
	va_list ap;
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return code;
}

void cli_note(const struct cli *c, const char *fmt, ...)
{
	if (cli_flag(c, "quiet"))
		return;
	(void)fflush(stdout);
	va_list ap;
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

const char *cli_flag_at(const struct cli *c, const char *name, unsigned i)
{
	for (unsigned k = 0; k < c->n_given; k++)
		if (streq(c->given[k].flag->name, name) && i-- == 0)
			return c->given[k].value;
	return NULL;
}

const char *cli_flag(const struct cli *c, const char *name)
{
	const char *value = NULL;
	for (unsigned k = 0; k < c->n_given; k++)
		if (streq(c->given[k].flag->name, name))
			value = c->given[k].value;
	return value;
}

const char *cli_project(const struct cli *c)
{
	if (cli_flag(c, "all-projects"))
		return NULL;
	const char *p = cli_flag(c, "project");
	if (!p)
		p = getenv("TUG_PROJECT");
	return p && *p ? p : "default";
}

int64_t cli_timeout_ms(const struct cli *c, int64_t dflt)
{
	const char *text = cli_flag(c, "timeout");
	int64_t ms = dflt;
	if (text && str_parse_duration(text, &ms) < 0)
		return cli_fail(-1, "--timeout %s: not a duration; write 30s, 5m or 1h", text);
	return ms;
}

bool cli_colour(const struct cli *c)
{
	const char *no = getenv("NO_COLOR");
	return isatty(STDOUT_FILENO) == 1 && !(no && *no) && !cli_flag(c, "no-color");
}

int cli_output(const struct cli *c)
{
	static const char *const words[] = {[OUTPUT_WIDE] = "wide",
	                                    [OUTPUT_JSON] = "json",
	                                    [OUTPUT_YAML] = "yaml",
	                                    [OUTPUT_NAME] = "name"};
	const char *o = cli_flag(c, "output");
	if (!o)
		return OUTPUT_TABLE;
	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (words[i] && streq(o, words[i]))
			return (int)i;
	return cli_fail(-1, "-o %s: write json, yaml, wide or name", o);
}

void cli_print_value(const struct value *v, enum output o)
{
	_cleanup_str_ struct str text = STR_INIT;
	if (o == OUTPUT_YAML)
		yaml_print(v, &text);
	else
		json_print(v, JSON_INDENT, &text);
	(void)fwrite(str_get(&text), 1, text.len, stdout);
}

/* Where the words of the command begin: flags that all commands share may stand before it (tug -p shop ps). */
static int skip_flags(int argc, char **argv)
{
	int i = 1;
	while (i < argc && argv[i][0] == '-') {
		int n = cli_flag_words(common_flags, argv[i]);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}

/* -o is for what shows objects, or changes them. */
static bool has_forms(const struct command *m)
{
	int (*const plain[])(struct cli *) = {run_logs,     run_explain,    run_down,
	                                      run_etcd_env, run_completion, run_help};
	for (size_t i = 0; i < ELEMENTS(plain); i++)
		if (m->run == plain[i])
			return false;
	return true;
}

static int run(struct cli *c)
{
	if (cli_flag(c, "help")) {
		help_print(c->command);
		return EXIT_OK;
	}
	/* a variable of a script that is not set, most likely; an empty name would ask for the list */
	for (unsigned i = 0; i < c->n_args && c->command->run != run_complete; i++)
		if (!*c->args[i] || c->args[i][strlen(c->args[i]) - 1] == '/')
			return cli_fail(EXIT_USAGE, "\"%s\": a name is missing there", c->args[i]);
	if (cli_flag(c, "output") && !has_forms(c->command))
		return cli_fail(EXIT_USAGE, "-o: `tug %s` prints plain text only", c->command->name);
	if (c->n_args >= c->command->min_args && c->n_args <= c->command->max_args)
		return c->command->run(c);
	return cli_fail(EXIT_USAGE, "%s\n\nUsage: tug %s%s%s\nExamples:\n%.*s",
	                c->n_args < c->command->min_args ? "there is a word missing"
	                                                 : "there are more words than it takes",
	                c->command->name, *c->command->args ? " " : "", c->command->args,
	                (int)strlen(c->command->examples) - 1, c->command->examples);
}

int main(int argc, char **argv)
{
	int at = skip_flags(argc, argv);
	if (at >= argc || streq(argv[at], "--help") || streq(argv[at], "-h")) {
		help_print(NULL);
		return argc < 2 ? EXIT_USAGE : EXIT_OK;
	}
	const char *first = streq(argv[at], "--version") ? "version" : argv[at];
	unsigned words;
	struct cli c = {.args = mem_zalloc(((size_t)argc + 1) * sizeof(char *))};
	c.command = command_find(first, at + 1 < argc ? argv[at + 1] : NULL, &words);
	if (!c.command) {
		free(c.args);
		return command_unknown(first, at + 1 < argc ? argv[at + 1] : NULL);
	}
	int e = EXIT_OK;
	if (c.command->run == run_complete) { /* its words are somebody else's, flags included */
		for (int i = at + 1; i < argc; i++)
			c.args[c.n_args++] = argv[i];
	} else {
		e = cli_parse(&c, at - 1, argv + 1);
		if (e == EXIT_OK)
			e = cli_parse(&c, argc - at - (int)words, argv + at + words);
	}
	if (e == EXIT_OK)
		e = run(&c);
	if (fflush(stdout) != 0 && e == EXIT_OK)
		e = EXIT_FAILED;
	free(c.args);
	return e;
}
