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

/* --- help.c, completion.c --- */
void help_print(const struct command *c); /* NULL: of tug itself */
int help_man(void);			  /* troff on stdout */
const struct command *command_find(const char *word, const char *next, unsigned *ret_words);

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
