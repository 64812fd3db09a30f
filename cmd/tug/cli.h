/*
 * What every command of `tug` is made of. A command is one row of `commands[]`: parser, --help, completion and man page
 * come from it. Data goes to stdout, chatter to stderr.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "core/document.h"
#include "core/str.h"
#include "core/value.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_CONFLICT = 4,
	EXIT_UNREACHABLE = 5,
	EXIT_TIMEOUT = 124,
};

/* What completion offers for a command's words. */
enum complete { COMPLETE_NOTHING, COMPLETE_KIND, COMPLETE_OBJECT, COMPLETE_POD, COMPLETE_SERVICE, COMPLETE_NODE,
		COMPLETE_COMMAND, COMPLETE_SHELL };

struct flag {
	const char *name;  /* "follow"; NULL ends a list */
	char letter;	   /* 'f'; 0: none */
	const char *value; /* "FILE"; NULL: a switch */
	const char *doc;
};

struct cli;

struct command {
	const char *name;  /* "apply", "etcd env" */
	const char *args;  /* "KIND [NAME]" */
	const char *brief; /* one line, no full stop */
	const char *examples; /* lines "  tug ...   comment" */
	const char *text;     /* further paragraphs; NULL: none */
	const struct flag *flags; /* NULL: only the common ones */
	unsigned min_args, max_args; /* max ~0U: any number */
	enum complete complete;
	int (*run)(struct cli *c); /* an exit code */
};

extern const struct command commands[]; /* ends with name NULL */
extern const struct flag common_flags[];

#define CLI_FLAGS_MAX 64

struct cli {
	const struct command *command;
	char **args; /* the words that are no flags */
	unsigned n_args;
	struct {
		const struct flag *flag;
		const char *value;
	} given[CLI_FLAGS_MAX];
	unsigned n_given;
	unsigned printed; /* documents on stdout so far */
};

/* The last value of a flag; "" for a switch; NULL when it was not given. */
const char *cli_flag(const struct cli *c, const char *name) _nonnull_(1, 2);
/* The i-th value of a flag that may be repeated; NULL behind the last. */
const char *cli_flag_at(const struct cli *c, const char *name, unsigned i) _nonnull_(1, 2);
/* --project, TUG_PROJECT, else "default"; NULL with --all-projects. */
const char *cli_project(const struct cli *c) _nonnull_(1);
/* Milliseconds of --timeout, else dflt. Negative after a message: not a duration. */
int64_t cli_timeout_ms(const struct cli *c, int64_t dflt) _nonnull_(1);

/* "tug: ..." to stderr; returns code. */
int cli_fail(int code, const char *fmt, ...) _printf_(2, 3);
/* A line to stderr unless --quiet. */
void cli_note(const struct cli *c, const char *fmt, ...) _nonnull_(1) _printf_(2, 3);
/* Colours are for terminals only, and not with NO_COLOR or --no-color. */
bool cli_colour(const struct cli *c) _nonnull_(1);

enum output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME };
/* From -o; a wrong word is told, and gives -1. */
int cli_output(const struct cli *c) _nonnull_(1);
void cli_print_value(const struct value *v, enum output o) _nonnull_(1);

/* --- parse.c --- */

/* The command of the first word, or of the first two ("etcd env"); NULL when there is none. */
const struct command *command_find(const char *word, const char *next, unsigned *ret_words) _nonnull_(1, 3);
/* Says that there is none, and which one may be meant. next: the word behind it, or NULL. EXIT_USAGE. */
int command_unknown(const char *word, const char *next) _nonnull_(1);
/* Adds words to c->args and flags to c->given; c->command says which there are, c->args has room. An exit code. */
int cli_parse(struct cli *c, int argc, char **argv) _nonnull_(1) _must_check_;
/* How many words this flag takes, itself included (2: its value is the next one); 0: not in the list. */
int cli_flag_words(const struct flag *flags, const char *word) _nonnull_(1, 2);

/* "Did you mean": offer every name there is; found is the nearest one to word, or NULL when none is near. */
struct nearest {
	const char *word, *found;
	unsigned distance;
};
void nearest_offer(struct nearest *n, const char *candidate) _nonnull_(1, 2);

/* --- help.c --- */
void help_print(const struct command *c); /* NULL: of tug itself */
int help_man(void);			  /* troff on stdout */

/* --- the commands --- */
int run_apply(struct cli *c);
int run_completion(struct cli *c);
int run_complete(struct cli *c);
int run_delete(struct cli *c);
int run_describe(struct cli *c);
int run_down(struct cli *c);
int run_etcd_env(struct cli *c);
int run_events(struct cli *c);
int run_explain(struct cli *c);
int run_get(struct cli *c);
int run_help(struct cli *c);
int run_logs(struct cli *c);
int run_nodes(struct cli *c);
int run_ps(struct cli *c);
int run_scale(struct cli *c);
int run_cordon(struct cli *c);
int run_version(struct cli *c);
