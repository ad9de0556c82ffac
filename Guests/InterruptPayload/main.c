// Brings the processors up, runs the scenarios that were asked for, and gives the verdict.

#include "apic.h"
#include "scenarios.h"

const struct payload_information *information;
struct failure failure;

static const char *skip_reason;
static volatile bool interrupts_are_built;
static volatile uint8_t is_online[PROCESSORS_MAX];

void payload_start(uint64_t index, const struct payload_information *at);

bool check_failed(struct failure failed) {
    failure = failed;
    return false;
}

bool skip(const char *reason) {
    skip_reason = reason;
    return true;
}

struct scenario {
    const char *name;
    bool (*run)(struct tester *tester);
    bool needs_tester;
    bool needs_name;
};

static const struct scenario scenarios[] = {
    {"self", scenario_self, false, false},
    {"enumerate", scenario_enumerate, false, false},
    {"bars", scenario_bars, true, false},
    {"msix-count", scenario_msix_count, true, false},
    {"msix-mask", scenario_msix_mask, true, false},
    {"msix-retarget", scenario_msix_retarget, true, false},
    {"msix-same-message", scenario_msix_same_message, true, false},
    {"msi", scenario_msi, true, false},
    {"intx", scenario_intx, true, false},
    {"ims", scenario_ims, true, false},
    {"mechanisms", scenario_mechanisms, true, false},
    {"reset", scenario_reset, true, false},
    {"bad-messages", scenario_bad_messages, true, false},
    {"storm", scenario_storm, true, false},
    {"unmask-many", scenario_unmask_many, true, false},
    {"hold", scenario_hold, true, true},
};

enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

// MARK: Which scenarios

static bool is_separator(char byte) { return byte == ' ' || byte == ','; }

static bool is_word(const char *at, const char *word) {
    while (*word && *at == *word) at++, word++;
    return *word == 0 && (*at == 0 || is_separator(*at));
}

// The arguments are names, of what is to be run, and names after a minus, of what is not.
static bool is_wanted(const char *name, bool needs_name) {
    const char *at = (const char *)information->arguments;
    bool has_names = false, is_named = false;
    while (at && *at) {
        bool is_minus = *at == '-';
        if (is_minus && is_word(at + 1, name)) return false;
        if (!is_minus && !is_separator(*at)) {
            has_names = true;
            if (is_word(at, name)) is_named = true;
        }
        while (*at && !is_separator(*at)) at++;
        while (is_separator(*at)) at++;
    }
    return is_named || (!has_names && !needs_name);
}

static bool is_scenario(const char *at) {
    for (uint32_t number = 0; number < SCENARIOS; number++) {
        if (is_word(at, scenarios[number].name)) return true;
    }
    return false;
}

// A misspelt name must not pass for success.
static bool arguments_are_known(void) {
    const char *at = (const char *)information->arguments;
    while (at && *at) {
        while (is_separator(*at)) at++;
        if (*at == '-') at++;
        if (*at && !is_scenario(at)) return false;
        while (*at && !is_separator(*at)) at++;
    }
    return true;
}

// MARK: What is said

static void print_subject(const char *outcome, const char *name, const struct tester *tester) {
    print(outcome);
    print(name);
    if (!tester) return;
    print(" slot ");
    print_decimal(tester->slot);
}

static void print_failure(void) {
    print(": ");
    print(failure.file);
    print(":");
    print_decimal(failure.line);
    print(": ");
    print(failure.what);
    print(" [");
    print_decimal(failure.index);
    print("], expected ");
    print_hex(failure.expected);
    print(", got ");
    print_hex(failure.actual);
}

static bool run(const struct scenario *scenario, struct tester *tester) {
    skip_reason = 0;
    bool passed = true;
    if (tester && !tester_prepare(tester)) {
        passed = check_failed((struct failure){
            __FILE_NAME__, "the tester answers", __LINE__, TESTER_IDENTIFICATION,
            tester_read(tester, REGISTER_IDENTIFICATION), tester->slot});
    }
    passed = passed && scenario->run(tester);
    print_subject(!passed ? "fail " : skip_reason ? "skip " : "pass ", scenario->name, tester);
    if (!passed) print_failure();
    if (passed && skip_reason) {
        print(": ");
        print(skip_reason);
    }
    print("\n");
    if (tester) tester_prepare(tester);
    settle();
    return passed;
}

// Returns the number of the first line, from 1, that says of a failure; 0 if there is none.
static uint32_t run_all(void) {
    uint32_t line = 0, failed = 0;
    for (uint32_t number = 0; number < SCENARIOS; number++) {
        const struct scenario *scenario = &scenarios[number];
        if (!is_wanted(scenario->name, scenario->needs_name)) continue;
        uint32_t times = scenario->needs_tester ? testers_found : 1;
        for (uint32_t index = 0; index < times; index++) {
            line += 1;
            bool passed = run(scenario, scenario->needs_tester ? &testers[index] : 0);
            if (!passed && !failed) failed = line;
        }
    }
    return failed;
}

// MARK: Processors

static void attend(void) {
    apic_enable();
    interrupts_load();
}

static bool all_are_online(uint64_t argument) {
    (void)argument;
    for (uint32_t index = 1; index < information->processors; index++) {
        if (!is_online[index]) return false;
    }
    return true;
}

// Interrupts are handled where they come; nothing else is done here.
static _Noreturn void serve(uint64_t index) {
    while (!interrupts_are_built) relax();
    attend();
    is_online[index] = 1;
    apic_send(0, VECTOR_WAKE);
    for (;;) halt_once();
}

static _Noreturn void stop(const char *reason, uint32_t verdict) {
    print(reason);
    finish(verdict);
}

// Verdicts of what goes wrong before the first scenario.
enum { VERDICT_INFORMATION = 0x2000, VERDICT_ARGUMENTS, VERDICT_PROCESSORS };

void payload_start(uint64_t index, const struct payload_information *at) {
    if (index != 0) serve(index);
    information = at;
    if (at->magic != PAYLOAD_MAGIC || at->version != PAYLOAD_VERSION ||
        at->processors - 1 >= PROCESSORS_MAX) {
        stop("fail start: the payload information is not of version 1\n", VERDICT_INFORMATION);
    }
    if (!arguments_are_known()) stop("fail start: no such scenario\n", VERDICT_ARGUMENTS);
    interrupts_build();
    attend();
    apic_start_ticks();
    interrupts_are_built = true;
    if (!wait_until(all_are_online, 0)) {
        stop("fail start: timed out waiting for a processor\n", VERDICT_PROCESSORS);
    }
    settle();
    if (ends_at_delivery) print("note: this machine ends interrupts when it delivers them\n");
    testers_find();
    finish(run_all());
}
