/*
 * Completion. The scripts for the shells are a few lines that ask this program: `tug __complete WORDS...`
 * prints what may stand in place of the last word, one a line; so the command table is the only list.
 */
#include <stdlib.h>

#include "cmd/tug/objects.h"
#include "core/mem.h"

static const char bash_script[] =
        "_tug() {\n"
        "\tlocal IFS=$'\\n'\n"
        "\tCOMPREPLY=($(tug __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
        "\t[ ${#COMPREPLY[@]} -eq 0 ] && compopt -o default\n"
        "}\n"
        "complete -F _tug tug\n";
static const char zsh_script[] =
        "#compdef tug\n"
        "_tug() {\n"
        "\tlocal -a found\n"
        "\tfound=(${(f)\"$(tug __complete \"${words[@]:1:$((CURRENT-1))}\" 2>/dev/null)\"})\n"
        "\tif (( ${#found} )); then compadd -a found; else _files; fi\n"
        "}\n"
        "if [ \"$funcstack[1]\" = _tug ]; then\n"
        "\t_tug \"$@\"\n"
        "else\n"
        "\t(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"
        "\tcompdef _tug tug\n"
        "fi\n";
static const char fish_script[] =
        "complete -c tug -f -a '(tug __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'\n"
        "complete -c tug -s f -l file -r -F\n";

int run_completion(struct cli *c)
{
	static const struct {
		const char *name, *script;
	} shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
	for (size_t i = 0; i < ELEMENTS(shells); i++) {
		if (streq(shells[i].name, c->args[0])) {
			(void)fputs(shells[i].script, stdout);
			return EXIT_OK;
		}
	}
	return cli_fail(EXIT_USAGE, "%s: there is completion for bash, zsh and fish", c->args[0]);
}

static void offer(const char *candidate, const char *word)
{
	if (candidate && str_after(candidate, word))
		(void)puts(candidate);
}

static void offer_commands(const char *first, const char *word)
{
	for (const struct command *m = commands; m->name; m++) {
		if (!m->brief)
			continue;
		/* "etcd env": its first word, or behind that the second */
		char head[32];
		(void)snprintf(head, sizeof(head), "%.*s", (int)strcspn(m->name, " "), m->name);
		const char *tail = strchr(m->name, ' ');
		if (!first)
			offer(head, word);
		else if (tail && streq(head, first))
			offer(tail + 1, word);
	}
}

static void offer_flags(const struct command *m, const char *word)
{
	const struct flag *lists[] = {m->flags, common_flags};
	for (size_t i = 0; i < ELEMENTS(lists); i++) {
		for (const struct flag *f = lists[i]; f && f->name; f++) {
			char text[64];
			(void)snprintf(text, sizeof(text), "--%s", f->name);
			offer(text, word);
		}
	}
}

/* Names of objects, from the API; silence when it is away. */
static void offer_names(struct cli *c, const struct kind *k, const char *word)
{
	_cleanup_str_ struct str path = STR_INIT;
	list_path(c, k, &path);
	_cleanup_reply_ struct reply r;
	if (api_try(c, "GET", str_get(&path), NULL, NULL, 0, -1, &r) != EXIT_OK)
		return;
	value_for_each_item (i, item, value_get(r.value, "items"))
		offer(value_get_string(item, "name"), word);
}

static void offer_kinds(const struct command *m, const char *word)
{
	for (size_t i = 0; kinds[i]; i++)
		if (kind_is_shown(kinds[i]) && (m->run != run_delete || kinds[i]->desired))
			offer(kinds[i]->plural, word);
}

/* "microservice.containers.mem": the fields of the structure that the path up to the last dot leads to. */
static void offer_fields(const char *word)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s", word);
	char *last = strrchr(path, '.'), *first = strchr(path, '.');
	for (size_t i = 0; !last && kinds[i]; i++)
		if (kind_is_shown(kinds[i]))
			offer(kinds[i]->name, word);
	if (!last)
		return;
	*last = *first = '\0';
	const struct kind *k = kind_find(path);
	if (!k || !kind_is_shown(k))
		return;
	const struct schema *s = k->schema;
	if (last != first) {
		const struct field *f = schema_find(s, first + 1);
		s = f ? f->item : NULL;
	}
	for (size_t i = 0; s && i < s->n_fields; i++) {
		_cleanup_free_ char *text =
		        mem_printf("%.*s.%s", (int)(last - path), word, s->fields[i].name);
		offer(text, word);
	}
}

static void offer_words(struct cli *c, const struct command *m, unsigned position, const char *first,
                        const char *word)
{
	static const char *const shells[] = {"bash", "zsh", "fish"};
	switch (m->complete) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_KIND:
		offer_fields(word);
		break;
	case COMPLETE_OBJECT:
		if (position == 0)
			offer_kinds(m, word);
		else if (kind_find(first) && kind_is_shown(kind_find(first)))
			offer_names(c, kind_find(first), word);
		break;
	case COMPLETE_POD:
		offer_names(c, &kind_pod, word);
		offer_names(c, &kind_microservice, word);
		break;
	case COMPLETE_SERVICE:
		if (position == 0)
			offer_names(c, &kind_microservice, word);
		break;
	case COMPLETE_NODE:
		offer_names(c, &kind_node, word);
		break;
	case COMPLETE_COMMAND:
		offer_commands(position ? first : NULL, word);
		offer(position ? NULL : "man", word);
		break;
	case COMPLETE_SHELL:
		for (size_t i = 0; i < ELEMENTS(shells); i++)
			offer(shells[i], word);
		break;
	}
}

static bool takes_value(const struct command *m, const char *flag)
{
	return (m->flags && cli_flag_words(m->flags, flag) == 2) || cli_flag_words(common_flags, flag) == 2;
}

/* What may stand behind a flag; nothing lets the shell offer files. */
static void offer_values(const char *flag, const char *word)
{
	static const char *const formats[] = {"json", "yaml", "wide", "name"};
	for (size_t i = 0; (streq(flag, "-o") || streq(flag, "--output")) && i < ELEMENTS(formats); i++)
		offer(formats[i], word);
}

int run_complete(struct cli *c)
{
	char **args = c->args;
	unsigned n = c->n_args, words = 0;
	/* common flags may stand before the command */
	while (n > 1 && args[0][0] == '-') {
		unsigned flag = (unsigned)cli_flag_words(common_flags, args[0]);
		if (flag == 0 || flag >= n)
			return EXIT_OK;
		args += flag;
		n -= flag;
	}
	const char *word = n ? args[n - 1] : "";
	if (n <= 1) {
		offer_commands(NULL, word);
		return EXIT_OK;
	}
	const struct command *m = command_find(args[0], args[1], &words);
	if (!m) {
		if (n == 2)
			offer_commands(args[0], word);
		return EXIT_OK;
	}
	if (word[0] == '-') {
		offer_flags(m, word);
		return EXIT_OK;
	}
	if (args[n - 2][0] == '-' && takes_value(m, args[n - 2])) {
		offer_values(args[n - 2], word);
		return EXIT_OK;
	}
	/* the words before it as the command would read them: whose project, how many words that are no flags */
	struct cli given = {.command = m, .args = mem_zalloc((n + 1) * sizeof(char *))};
	char **rest = given.args;
	if (n > words && cli_parse(&given, (int)(n - 1 - words), args + words) == EXIT_OK)
		offer_words(&given, m, given.n_args, given.n_args ? given.args[0] : "", word);
	free(rest);
	return EXIT_OK;
}
