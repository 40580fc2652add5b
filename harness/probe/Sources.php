<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

/** Where the harness can look up the lines that reflection doesn't tell. */
final class Sources
{
    /**
     * Where the classes among the places are declared, with their parents and traits.
     *
     * @return array<string, array{string, int, int, list<string>}> class => file, first and last line, next to look in
     */
    public static function declarations(Places $places): array
    {
        $wanted = [];
        foreach ($places->holds as $place => $holds) {
            if (\strncmp($holds, 'object ', 7) === 0) {
                $wanted[\substr($holds, 7)] = true;
            }
            if ($places->kind[$place] === 'static') {
                $wanted[\explode('::', $places->step[$place], 2)[0]] = true;
            }
        }
        $found = [];
        $names = \array_map('strval', \array_keys($wanted));
        while (($name = \array_pop($names)) !== null) {
            $class = new \ReflectionClass($name);
            if (isset($found[$name]) || $class->isInternal()) {
                continue;
            }
            $parent = $class->getParentClass();
            $next = \array_merge($class->getTraitNames(), $parent ? [$parent->name] : []);
            $found[$name] = [(string) $class->getFileName(), $class->getStartLine(), $class->getEndLine(), $next];
            \array_push($names, ...$next);
        }

        return $found;
    }

    /** @return list<string> the app's own files, in which a global is to be looked for */
    public static function files(): array
    {
        return \array_values(\array_filter(\get_included_files(), static function (string $file): bool {
            return \strpos($file, '/vendor/') === false && \strncmp($file, __DIR__, \strlen(__DIR__)) !== 0;
        }));
    }
}
