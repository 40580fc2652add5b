<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

/** Where a walk begins: everything that PHP code can name without holding it. */
final class Roots
{
    private const COROUTINES = 2_000;
    private const COROUTINE_STACK_BYTES = 8192;

    public function __construct(private Census $census)
    {
    }

    public function reach(): void
    {
        foreach (['classes', 'functions', 'globals', 'frames', 'autoloaders', 'coroutines', 'timers'] as $roots) {
            try {
                $this->{$roots}();
            } catch (\Throwable $theRest) {
            }
        }
    }

    /** What a fiber or a generator shows of itself: arguments and objects of its frames, but no other locals. */
    public static function reachSuspended(Census $census, object $suspended, int $place, float $weight): void
    {
        $frames = [];
        if ($suspended instanceof \Generator) {
            $reflection = new \ReflectionGenerator($suspended);
            $frames = $reflection->getTrace(\DEBUG_BACKTRACE_PROVIDE_OBJECT);
        } elseif ($suspended->isSuspended()) {
            $frames = (new \ReflectionFiber($suspended))->getTrace(\DEBUG_BACKTRACE_PROVIDE_OBJECT);
        }
        self::reachFrames($census, $frames, $place, $weight);
    }

    private function classes(): void
    {
        foreach (\get_declared_classes() as $name) {
            $class = new \ReflectionClass($name);
            if ($class->isInternal() || \strncmp($name, __NAMESPACE__, \strlen(__NAMESPACE__)) === 0) {
                continue;
            }
            try {
                $this->statics($class);
                $this->methods($class);
            } catch (\Throwable $incomplete) {
            }
            if ($this->census->late()) {
                return;
            }
        }
    }

    /** @param \ReflectionClass<object> $class */
    private function statics(\ReflectionClass $class): void
    {
        $properties = $class->getProperties(\ReflectionProperty::IS_STATIC);
        $values = $properties === [] ? [] : $class->getStaticProperties();
        foreach ($properties as $property) {
            if ($property->class === $class->name && isset($values[$property->name])) {
                $this->census->reach($values[$property->name], 0, 'static', "{$class->name}::\${$property->name}");
            }
        }
    }

    /** @param \ReflectionClass<object> $class */
    private function methods(\ReflectionClass $class): void
    {
        foreach ($class->getMethods() as $method) {
            if ($method->class === $class->name && $method->isUserDefined()) {
                $this->variables($method, "{$class->name}::{$method->name}()");
            }
        }
    }

    private function functions(): void
    {
        foreach (\get_defined_functions()['user'] as $name) {
            $function = new \ReflectionFunction($name);
            $this->variables($function, "{$function->getName()}()");
        }
    }

    private function variables(\ReflectionFunctionAbstract $function, string $name): void
    {
        foreach ($function->getStaticVariables() as $variable => $value) {
            $this->census->reach($value, 0, 'variable', "\${$variable} in {$name} at " . Census::where($function));
        }
    }

    private function globals(): void
    {
        $globals = $GLOBALS;
        foreach ($globals as $name => $value) {
            if ($name !== 'GLOBALS') {
                $this->census->reach($value, 0, 'global', (string) $name);
            }
        }
    }

    /** The objects that are only held by the call stack; the outermost first, as they are the ones that stay. */
    private function frames(): void
    {
        $frames = \array_reverse(\debug_backtrace(\DEBUG_BACKTRACE_PROVIDE_OBJECT));
        self::reachFrames($this->census, $frames, 0, 1.0);
    }

    private function autoloaders(): void
    {
        foreach (\spl_autoload_functions() as $function) {
            $this->census->reach($function, 0, 'autoloader', '');
        }
    }

    private function coroutines(): void
    {
        $swoole = Worker::swoole();
        if ($swoole === null) {
            return;
        }
        $coroutine = "{$swoole}\\Coroutine";
        $ids = \array_values(\array_diff(\iterator_to_array($coroutine::list(), false), [$coroutine::getCid()]));
        $weight = \max(1.0, \count($ids) / self::COROUTINES);
        foreach (\array_slice($ids, -self::COROUTINES) as $id) {
            $frames = $coroutine::getBackTrace($id, \DEBUG_BACKTRACE_PROVIDE_OBJECT) ?: [];
            $at = self::waitsAt($frames);
            $place = $this->census->root('coroutine', $at, 'coroutine', $weight, self::COROUTINE_STACK_BYTES);
            $this->census->reach($coroutine::getContext($id), $place, 'context', '', $weight);
            self::reachFrames($this->census, $frames, $place, $weight);
        }
    }

    private function timers(): void
    {
        $swoole = Worker::swoole();
        if ($swoole !== null) {
            $this->census->root('timer', "{$swoole}\\Timer", 'timer', "{$swoole}\\Timer"::stats()['num']);
        }
    }

    /** @param list<array<string, mixed>> $frames */
    private static function reachFrames(Census $census, array $frames, int $place, float $weight): void
    {
        foreach ($frames as $frame) {
            $name = ($frame['class'] ?? '') . ($frame['type'] ?? '') . $frame['function'] . '()';
            if (\strncmp($name, __NAMESPACE__, \strlen(__NAMESPACE__)) === 0) {
                continue;
            }
            $census->reach($frame['object'] ?? null, $place, 'frame', $name, $weight);
            foreach ($frame['args'] ?? [] as $argument) {
                $census->reach($argument, $place, 'argument', $name, $weight);
            }
        }
    }

    /** @param list<array<string, mixed>> $frames */
    private static function waitsAt(array $frames): string
    {
        foreach ($frames as $frame) {
            if (isset($frame['file'], $frame['line']) && \strpos($frame['file'], '/vendor/') === false) {
                return "{$frame['file']}:{$frame['line']}";
            }
        }

        return isset($frames[0]['file']) ? "{$frames[0]['file']}:{$frames[0]['line']}" : '';
    }
}
