<?php

declare(strict_types=1);

namespace Leaks;

/** The routes of a catalogue; the same in every app. */
final class Router
{
    /** @var array<string, Route> */
    private array $routes = [];

    public function __construct(private Catalogue $catalogue)
    {
        foreach ($catalogue->leaks() as $case) {
            $about = $case->about();
            $this->add($about, "/{$about->name}", $about->kind, [$case, 'leaky']);
            $this->add($about, "/{$about->name}/clean", 'twin', [$case, 'clean']);
        }
        foreach ($catalogue->pages() as $page) {
            $about = $page->about();
            $this->add($about, "/{$about->name}", $about->kind, [$page, 'serve']);
        }
        $this->routes['/'] = new Route('GET', '/', About::PAGE, false, [$this, 'index']);
    }

    /** @return array<string, Route> by path, for apps whose framework has a router of its own */
    public function routes(): array
    {
        return $this->routes;
    }

    public function find(string $path): ?Route
    {
        return $this->routes[$path] ?? null;
    }

    /** Null: no such path; the app or its framework answers 404. What a page throws passes through. */
    public function dispatch(Request $request): ?Response
    {
        $route = $this->find($request->path);
        if ($route === null) {
            return null;
        }
        if ($request->method !== $route->method && !($request->method === 'HEAD' && $route->method === 'GET')) {
            return new Response(405, "method not allowed\n", ['Allow' => $route->method]);
        }

        return $route->handle($request);
    }

    public function index(): Response
    {
        $rows = [];
        foreach ($this->catalogue->leaks() as $case) {
            $rows[] = $this->row($case->about(), true);
        }
        foreach ($this->catalogue->pages() as $page) {
            $rows[] = $this->row($page->about(), false);
        }

        return Response::json(['routes' => $rows]);
    }

    /** @param callable(Request): Response $handler */
    private function add(About $about, string $path, string $kind, callable $handler): void
    {
        $this->routes[$path] = new Route($about->method, $path, $kind, $about->waits, $handler);
    }

    /** @return array<string, mixed> */
    private function row(About $about, bool $twin): array
    {
        return [
            'method' => $about->method,
            'path' => "/{$about->name}",
            'clean' => $twin ? "/{$about->name}/clean" : null,
            'kind' => $about->kind,
            'cause' => $about->cause,
            'bytes' => $about->bytes,
            'summary' => $about->summary,
        ];
    }
}
