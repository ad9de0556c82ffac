#pragma once
// Checks: the first that fails ends its scenario, and says where, what, and both values.

#include "console.h"
#include "wait.h"

struct failure {
    const char *file, *what;
    uint32_t line;
    uint64_t expected, actual;
    // What the values belong to, such as a vector of the device.
    uint64_t index;
};

// Of the scenario that runs.
extern struct failure failure;

bool check_failed(struct failure failed);

#define CHECK_AT(index_, what_, expected_, actual_)                                                \
    do {                                                                                           \
        uint64_t expected_value = (uint64_t)(expected_), actual_value = (uint64_t)(actual_);       \
        if (expected_value != actual_value)                                                        \
            return check_failed((struct failure){                                                  \
                __FILE_NAME__, what_, __LINE__, expected_value, actual_value, index_});            \
    } while (0)

#define CHECK_EQUAL(what, expected, actual) CHECK_AT(0, what, expected, actual)
#define CHECK(what, condition) CHECK_AT(0, what, true, condition)

// Both values are shown if `actual` lies outside the range.
#define CHECK_WITHIN(index_, what_, least_, most_, actual_)                                        \
    do {                                                                                           \
        uint64_t value_ = (uint64_t)(actual_), low_ = (uint64_t)(least_);                          \
        uint64_t high_ = (uint64_t)(most_);                                                        \
        if (value_ < low_ || value_ > high_)                                                       \
            return check_failed((struct failure){                                                  \
                __FILE_NAME__, what_, __LINE__, value_ < low_ ? low_ : high_, value_, index_});    \
    } while (0)

// Waits until `at` was interrupted `wanted` times in all; a time-out says so.
#define CHECK_ARRIVES(index_, at_, wanted_)                                                        \
    do {                                                                                           \
        uint32_t wanted_value = (wanted_);                                                         \
        if (!wait_for_count(at_, wanted_value))                                                    \
            return check_failed((struct failure){                                                  \
                __FILE_NAME__, "timed out waiting for an interrupt, count", __LINE__,              \
                wanted_value, count_at(at_), index_});                                             \
    } while (0)

#define CHECK_SETTLES() CHECK("timed out waiting for a processor to drain", settle())

// A check inside a function that checks itself.
#define CHECK_ALL(call)                                                                            \
    do {                                                                                           \
        if (!(call)) return false;                                                                 \
    } while (0)
