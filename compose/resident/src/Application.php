<?php

declare(strict_types=1);

namespace Resident;

use Leaks\Request;
use Leaks\Response;
use Leaks\Router;

/** From a message to its response; never throws. */
final class Application
{
    private const STATIC_FILE = __DIR__ . '/../public/static-file.txt';

    public function __construct(private Router $router, private bool $debugHeap)
    {
    }

    public function request(Message $message): Request
    {
        [$path, $query] = explode('?', $message->target, 2) + ['', ''];
        $values = [];
        if ($query !== '') {
            // Silent: more than max_input_vars would be a warning.
            @parse_str($query, $values);
        }

        return new Request($message->method, $path, $values, $message->headers, $message->body);
    }

    public function waits(string $path): bool
    {
        $route = $this->router->find($path);

        return $route !== null && $route->waits;
    }

    public function respond(Request $request): Response
    {
        try {
            return $this->router->dispatch($request) ?? $this->own($request);
        } catch (\Throwable $error) {
            return Response::json(['error' => get_class($error) . ': ' . $error->getMessage()], 500);
        }
    }

    private function own(Request $request): Response
    {
        if ($request->path === '/static-file') {
            return Response::ok(file_get_contents(self::STATIC_FILE));
        }
        if ($request->path === '/__heap' && $this->debugHeap) {
            $collected = $request->number('collect', 0, 1) === 1 ? gc_collect_cycles() : 0;

            return Response::json([
                'pid' => getmypid(),
                'heap_bytes' => memory_get_usage(),
                'heap_reserved_bytes' => memory_get_usage(true),
                'heap_peak_bytes' => memory_get_peak_usage(),
                'collected' => $collected,
            ]);
        }

        return Response::json(['error' => 'not found'], 404);
    }
}
