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
        "compdef _tug tug\n";
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

static void offer_kinds(const char *word, bool fields)
{
	for (size_t i = 0; kinds[i]; i++) {
		offer(fields ? kinds[i]->name : kinds[i]->plural, word);
		char text[192];
		size_t n = (size_t)snprintf(text, sizeof(text), "%s.", kinds[i]->name);
		for (size_t f = 0; fields && str_after(word, text) && f < kinds[i]->schema->n_fields; f++) {
			(void)snprintf(text + n, sizeof(text) - n, "%s", kinds[i]->schema->fields[f].name);
			offer(text, word);
			text[n] = '\0';
		}
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
		offer_kinds(word, true);
		break;
	case COMPLETE_OBJECT:
		if (position == 0)
			offer_kinds(word, false);
		else if (kind_find(first))
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
		offer_commands(NULL, word);
		break;
	case COMPLETE_SHELL:
		for (size_t i = 0; i < ELEMENTS(shells); i++)
			offer(shells[i], word);
		break;
	}
}

int run_complete(struct cli *c)
{
	const char *word = c->n_args ? c->args[c->n_args - 1] : "";
	if (c->n_args <= 1) {
		offer_commands(NULL, word);
		return EXIT_OK;
	}
	unsigned words = 0;
	const struct command *m = command_find(c->args[0], c->args[1], &words);
	if (!m) {
		if (c->n_args == 2)
			offer_commands(c->args[0], word);
		return EXIT_OK;
	}
	if (word[0] == '-') {
		offer_flags(m, word);
		return EXIT_OK;
	}
	unsigned position = 0;
	const char *first = NULL;
	for (unsigned i = words; i + 1 < c->n_args; i++) {
		if (c->args[i][0] == '-')
			continue;
		first = first ? first : c->args[i];
		position++;
	}
	offer_words(c, m, position, first ? first : "", word);
	return EXIT_OK;
}
