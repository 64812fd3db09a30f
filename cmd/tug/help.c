/* --help at every level, examples first; and the man page, from the same table. */
#include "cmd/tug/cli.h"

static void print_flags(const struct flag *flags)
{
	for (const struct flag *f = flags; f && f->name; f++) {
		char letter[8] = "    ", name[64];
		if (f->letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ", f->letter);
		(void)snprintf(name, sizeof(name), "--%s%s%s", f->name, f->value ? " " : "",
		               f->value ? f->value : "");
		printf("  %s%-22s %s\n", letter, name, f->doc);
	}
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

void help_print(const struct command *c)
{
	if (c) {
		printf("Examples:\n%s\nUsage: tug %s%s%s [FLAGS]\n\n%c%s.\n", c->examples, c->name,
		       *c->args ? " " : "", c->args, upper(c->brief[0]), c->brief + 1);
		if (c->text)
			printf("%s\n", c->text);
		if (c->flags)
			(void)puts("\nFlags:");
		print_flags(c->flags);
		(void)puts("\nCommon flags:");
		print_flags(common_flags);
		return;
	}
	(void)puts("Examples:\n"
	           "  tugd up --detach            start tug on this machine\n"
	           "  tug apply -f web.yaml       run what a file describes\n"
	           "  tug ps                      what runs where\n"
	           "  tug logs -f web             what it writes\n"
	           "  tug scale web 3             more of it\n"
	           "\n"
	           "Usage: tug COMMAND [FLAGS]\n"
	           "\n"
	           "Commands:");
	for (const struct command *m = commands; m->name; m++)
		if (m->brief)
			printf("  %-11s %s\n", m->name, m->brief);
	(void)puts("\nCommon flags:");
	print_flags(common_flags);
	(void)puts(
	        "\n`tug COMMAND --help` says more, `tug help man` all of it.\n"
	        "Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 unreachable, 124 timeout.");
}

int run_help(struct cli *c)
{
	if (c->n_args == 0) {
		help_print(NULL);
		return EXIT_OK;
	}
	if (c->n_args == 1 && streq(c->args[0], "man"))
		return help_man();
	unsigned words;
	const struct command *m = command_find(c->args[0], c->n_args > 1 ? c->args[1] : NULL, &words);
	if (!m || !m->brief)
		return command_unknown(c->args[0], c->n_args > 1 ? c->args[1] : NULL);
	help_print(m);
	return EXIT_OK;
}

/* Text for troff: backslashes, and dots and quotes at the beginning of a line. */
static void roff(const char *s)
{
	bool start = true;
	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			(void)fputs("\\&", stdout);
		if (*s == '\\')
			(void)fputs("\\e", stdout);
		else if (*s == '-')
			(void)fputs("\\-", stdout);
		else
			(void)putchar(*s);
		start = *s == '\n';
	}
}

static void roff_flags(const struct flag *flags)
{
	for (const struct flag *f = flags; f && f->name; f++) {
		printf(".TP\n\\fB");
		if (f->letter)
			printf("\\-%c\\fR, \\fB", f->letter);
		(void)fputs("\\-\\-", stdout);
		roff(f->name);
		printf("\\fR%s\\fI%s\\fR\n", f->value ? " " : "", f->value ? f->value : "");
		roff(f->doc);
		(void)putchar('\n');
	}
}

int help_man(void)
{
	(void)puts(".TH TUG 1 \"\" \"tug " TUG_VERSION "\"\n"
	           ".SH NAME\n"
	           "tug \\- run containers on a few machines, or thousands\n"
	           ".SH SYNOPSIS\n"
	           ".B tug\n"
	           ".I COMMAND\n"
	           "[\\fIFLAGS\\fR]\n"
	           ".SH COMMANDS");
	for (const struct command *m = commands; m->name; m++) {
		if (!m->brief)
			continue;
		printf(".SS tug ");
		roff(m->name);
		(void)putchar(' ');
		roff(m->args);
		(void)putchar('\n');
		roff(m->brief);
		(void)fputs(".\n", stdout);
		if (m->text)
			roff(m->text);
		(void)fputs("\n.PP\n.nf\n", stdout);
		roff(m->examples);
		(void)fputs(".fi\n", stdout);
		roff_flags(m->flags);
	}
	(void)puts(".SH COMMON FLAGS");
	roff_flags(common_flags);
	(void)puts(".SH ENVIRONMENT\n"
	           ".TP\n\\fBTUG_HOST\\fR\nthe API, as \\fB\\-\\-host\\fR; without it the socket of this "
	           "machine's tug, for "
	           "root, else http://127.0.0.1:8000\n"
	           ".TP\n\\fBTUG_TOKEN\\fR, \\fBTUG_PASSWORD\\fR\nwho you are; without them the development "
	           "password\n"
	           ".TP\n\\fBTUG_CA\\fR\ncertificate authority of the API (PEM)\n"
	           ".TP\n\\fBTUG_PROJECT\\fR\nas \\fB\\-\\-project\\fR\n"
	           ".TP\n\\fBTUG_DATA_DIR\\fR\nof this machine's tug; default /var/lib/tug\n"
	           ".TP\n\\fBNO_COLOR\\fR\nno colours\n"
	           ".SH EXIT STATUS\n"
	           "0 ok, 1 failed, 2 usage, 3 not found, 4 conflict, 5 unreachable, 124 timeout");
	return EXIT_OK;
}
