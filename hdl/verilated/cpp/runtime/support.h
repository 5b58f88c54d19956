// SPDX-License-Identifier: Apache-2.0
// The part of an instance that is the same for every design. A generated file adds the ports.
#pragma once
#include <array>
#include <cstdio>
#include <utility>

#include "abi.h"
#include "verilated_cov.h"
#include "verilated_fst_c.h"

namespace verilated_abi {

/// Thrown through the model's evaluation by $stop, $finish, $fatal, $error, and run-time errors.
struct Stopped {
    int32_t kind;
    std::string file;
    int32_t line;
    std::string message;
};

/// What the design printed. Bounded: a design that prints in every cycle must not fill the memory.
class Output {
public:
    void append(const char* text, size_t bytes);
    void clear() { m_text.clear(); }
    const std::string& text() const { return m_text; }
    /// The newest message: `$error` prints its text, then stops.
    std::string newest;

private:
    std::string m_text;
};

void use_services(const Services* services);

/// VerilatedContext::randSeed() would reseed the generators of all threads and instances of this library;
/// here the seed is part of the instance from the start.
class Context final : public VerilatedContext {
public:
    explicit Context(const Setup& setup) {
        m_s.m_randSeed = setup.seed;
        m_s.m_randReset = setup.initial;
        assertOn(setup.assertions);
        traceEverOn(true);
    }
};

class Instance : public Model {
public:
    explicit Instance(const Setup& setup);
    ~Instance() override;
    const StopInfo* stop() const noexcept override { return m_stopped ? &m_stop : nullptr; }
    const char* output() const noexcept override { return m_output.text().data(); }
    size_t output_bytes() const noexcept override { return m_output.text().size(); }
    void clear_output() noexcept override { m_output.clear(); }
    uint64_t time() const noexcept override { return m_context.time(); }
    const char* coverage_write(const char* path) noexcept override;

protected:
    /// While it lives, this thread prints, draws random numbers and asks for the time as this instance.
    class Active {
    public:
        explicit Active(Instance& instance);
        ~Active();
        Active(const Active&) = delete;
        Active& operator=(const Active&) = delete;

    private:
        Instance& m_instance;
    };

    /// Runs `body` as this instance. False if it threw: then the instance has stopped for good.
    template <typename Body>
    bool guarded(Body&& body) noexcept {
        const Active active{*this};
        try {
            body();
            return true;
        } catch (Stopped& stopped) {
            record(std::move(stopped));
        } catch (const std::exception& error) {
            record(Stopped{KindRuntime, "", 0, error.what()});
        } catch (...) {
            record(Stopped{KindRuntime, "", 0, "unknown exception"});
        }
        return false;
    }

    /// Like `guarded`, for requests whose failure says nothing about the design.
    template <typename Body>
    const char* attempt(Body&& body) noexcept {
        const Active active{*this};
        try {
            body();
            return nullptr;
        } catch (const Stopped& stopped) {
            m_failure = stopped.message;
        } catch (const std::exception& error) {
            m_failure = error.what();
        } catch (...) {
            m_failure = "unknown exception";
        }
        return m_failure.c_str();
    }

    Context m_context;
    VlRNG m_random;

private:
    void record(Stopped stopped) noexcept;

    Output m_output;
    bool m_stopped = false;
    Stopped m_reason{};
    StopInfo m_stop{};
    std::string m_failure;
};

/// Fails with the system's own words if a file cannot be created there.
void check_writable(const char* path);

/// `Wires` is generated: the ports, and straight code that copies them.
template <typename Top, typename Wires>
class Simulation final : public Instance {
public:
    explicit Simulation(const Setup& setup)
        : Instance{setup} {
        const Active active{*this};
        m_top = std::make_unique<Top>(&m_context, "TOP");
        m_half = 5;
        for (int exponent = m_context.timeprecision(); exponent < -9; ++exponent) m_half *= 10;
        Wires::clear(*m_top);
        Wires::clock(*m_top) = 0;
    }

    ~Simulation() override {
        trace_close();
        const Active active{*this};
        m_top.reset();
    }

    bool cycle(const uint64_t* inputs, uint64_t* outputs) noexcept override {
        if (VL_UNLIKELY(stop())) return false;
        const bool alive = guarded([&] {
            Top& top = *m_top;
            Wires::clock(top) = 0;
            Wires::drive(top, inputs);
            top.eval();
            Wires::sample(top, outputs);
            if (VL_UNLIKELY(m_trace)) m_trace->dump(m_context.time());
            m_context.timeInc(m_half);
            Wires::clock(top) = 1;
            top.eval();
            if (VL_UNLIKELY(m_trace)) m_trace->dump(m_context.time());
            m_context.timeInc(m_half);
        });
        // The waves of a failed run are wanted most of all: show the moment of the failure as well.
        if (VL_UNLIKELY(!alive && m_trace)) {
            attempt([&] {
                m_trace->dump(m_context.time());
                m_trace->flush();
            });
        }
        return alive;
    }

    bool apply(const uint64_t* inputs) noexcept override {
        if (stop()) return false;
        const bool assertions = m_context.assertOn();
        m_context.assertOn(false);
        const bool alive = guarded([&] {
            Wires::clock(*m_top) = 0;
            Wires::drive(*m_top, inputs);
            m_top->eval();
        });
        m_context.assertOn(assertions);
        return alive;
    }

    bool finish() noexcept override {
        if (stop()) return false;
        return guarded([&] { m_top->final(); });
    }

    size_t port_count() const noexcept override { return Wires::PORTS.size(); }
    const PortInfo* port(size_t index) const noexcept override { return &Wires::PORTS[index]; }

    const char* trace_open(const char* path) noexcept override {
        return attempt([&] {
            if constexpr (!Top::traceCapable) {
                throw Stopped{KindRuntime, "", 0, "the design was built without waves"};
            } else {
                if (m_trace) m_trace->close();
                m_trace.reset();
                check_writable(path);
                auto trace = std::make_unique<VerilatedFstC>();
                m_top->trace(trace.get(), 99);
                trace->open(path);
                m_trace = std::move(trace);
            }
        });
    }

    const char* trace_flush() noexcept override {
        return attempt([&] {
            if (m_trace) m_trace->flush();
        });
    }

    const char* trace_close() noexcept override {
        return attempt([&] {
            if (const auto trace = std::move(m_trace)) trace->close();
        });
    }

private:
    std::unique_ptr<Top> m_top;
    std::unique_ptr<VerilatedFstC> m_trace;
    uint64_t m_half = 0;  // half a clock period: 5 ns, in units of the time precision
};

/// Body of the exported function.
template <typename Top, typename Wires>
Model* create(const Services* services, const Setup* setup, char* error, size_t error_bytes) noexcept {
    use_services(services);
    const auto say = [&](const char* text) {
        if (error_bytes) std::snprintf(error, error_bytes, "%s", text);
        return nullptr;
    };
    try {
        return new Simulation<Top, Wires>{*setup};
    } catch (const Stopped& stopped) {
        return say(stopped.message.c_str());
    } catch (const std::exception& failure) {
        return say(failure.what());
    } catch (...) {
        return say("unknown exception");
    }
}

}  // namespace verilated_abi
