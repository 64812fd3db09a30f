/* The words of a command line: commands and flags found in the tables, and the nearest ones to what is in neither. */
#include "cmd/tug/cli.h"

const struct command *command_find(const char *word, const char *next, unsigned *ret_words)
{
	for (const struct command *m = commands; m->name; m++) {
		const char *rest = str_after(m->name, word);
		if (rest && *rest == '\0') {
			*ret_words = 1;
			return m;
		}
		if (rest && *rest == ' ' && next && streq(rest + 1, next)) {
			*ret_words = 2;
			return m;
		}
	}
	return NULL;
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	/* the beginning of a name is as good as the name; else at most two slips, and never a wholly other word */
	unsigned d = str_after(candidate, n->word) ? 1 : str_distance(n->word, candidate) + 1;
	size_t len = strlen(n->word);
	if (d > MIN(len, (size_t)3) || (n->found && d >= n->distance))
		return;
	n->found = candidate;
	n->distance = d;
}

int command_unknown(const char *word, const char *next)
{
	struct nearest nearest = {.word = word};
	for (const struct command *m = commands; m->name; m++) {
		if (!m->brief)
			continue;
		nearest_offer(&nearest, m->name);
		/* "etcd evn": the first word is right, the second is not */
		const char *rest = str_after(m->name, word);
		if (rest && *rest == ' ')
			return cli_fail(EXIT_USAGE, "%s%s%s: no such command; did you mean `tug %s`?", word,
			                next ? " " : "", next ? next : "", m->name);
	}
	if (word[0] == '-')
		return cli_fail(EXIT_USAGE, "%s: no such flag; see `tug --help`", word);
	if (nearest.found)
		return cli_fail(EXIT_USAGE, "%s: no such command; did you mean `tug %s`?", word,
		                nearest.found);
	return cli_fail(EXIT_USAGE, "%s: no such command; see `tug --help`", word);
}

static const struct flag *named(const struct flag *flags, const char *name, size_t len)
{
	for (const struct flag *f = flags; f && f->name; f++)
		if (strlen(f->name) == len && strncmp(f->name, name, len) == 0)
			return f;
	return NULL;
}

static const struct flag *lettered(const struct flag *flags, char letter)
{
	for (const struct flag *f = flags; f && f->name; f++)
		if (f->letter == letter)
			return f;
	return NULL;
}

int cli_flag_words(const struct flag *flags, const char *word)
{
	const char *equals = strchr(word, '=');
	if (word[0] == '-' && word[1] == '-') {
		const struct flag *f =
		        named(flags, word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));
		return !f ? 0 : f->value && !equals ? 2 : 1;
	}
	for (const char *p = word + 1; *p; p++) {
		const struct flag *f = lettered(flags, *p);
		if (!f || f->value)
			return !f ? 0 : p[1] ? 1 : 2;
	}
	return word[1] ? 1 : 0;
}

static int give(struct cli *c, const struct flag *f, const char *value)
{
	if (c->n_given == CLI_FLAGS_MAX)
		return cli_fail(EXIT_USAGE, "more than %d flags", CLI_FLAGS_MAX);
	c->given[c->n_given].flag = f;
	c->given[c->n_given++].value = value ? value : "";
	return EXIT_OK;
}

static int unknown_flag(const struct command *m, const char *word)
{
	char name[64];
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	struct nearest nearest = {.word = name};
	const struct flag *lists[] = {m->flags, common_flags};
	for (size_t i = 0; i < ELEMENTS(lists); i++)
		for (const struct flag *f = lists[i]; f && f->name; f++)
			nearest_offer(&nearest, f->name);
	if (nearest.found)
		return cli_fail(EXIT_USAGE, "%s: no such flag; did you mean --%s?", word, nearest.found);
	return cli_fail(EXIT_USAGE, "%s: no such flag; see `tug %s --help`", word, m->name);
}

/* "--name", "--name=value", "--name value". Moves *i over what was taken. */
static int parse_long(struct cli *c, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct flag *f = named(c->command->flags, name, len);
	if (!f)
		f = named(common_flags, name, len);
	if (!f)
		return unknown_flag(c->command, argv[*i]);
	if (!f->value)
		return equals ? cli_fail(EXIT_USAGE, "--%s takes no value", f->name) : give(c, f, NULL);
	if (equals)
		return give(c, f, equals + 1);
	if (*i + 1 >= argc)
		return cli_fail(EXIT_USAGE, "--%s needs a value: %s", f->name, f->value);
	return give(c, f, argv[++*i]);
}

/* "-wq", "-fFILE", "-f FILE" */
static int parse_short(struct cli *c, int argc, char **argv, int *i)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		const struct flag *f = lettered(c->command->flags, *p);
		if (!f)
			f = lettered(common_flags, *p);
		if (!f)
			return cli_fail(EXIT_USAGE, "-%c: no such flag; see `tug %s --help`", *p,
			                c->command->name);
		if (!f->value) {
			int e = give(c, f, NULL);
			if (e)
				return e;
			continue;
		}
		if (p[1])
			return give(c, f, p + 1);
		if (*i + 1 >= argc)
			return cli_fail(EXIT_USAGE, "-%c needs a value: %s", *p, f->value);
		return give(c, f, argv[++*i]);
	}
	return EXIT_OK;
}

int cli_parse(struct cli *c, int argc, char **argv)
{
	bool only_words = false;
	for (int i = 0; i < argc; i++) {
		int e = EXIT_OK;
		/* "-" is stdin; no flag is a digit, so "-1" is a number and what takes it says why it will not do */
		bool is_word =
		        argv[i][0] != '-' || argv[i][1] == '\0' || (argv[i][1] >= '0' && argv[i][1] <= '9');
		if (only_words || is_word)
			c->args[c->n_args++] = argv[i];
		else if (streq(argv[i], "--"))
			only_words = true;
		else if (argv[i][1] == '-')
			e = parse_long(c, argc, argv, &i);
		else
			e = parse_short(c, argc, argv, &i);
		if (e)
			return e;
	}
	return EXIT_OK;
}
