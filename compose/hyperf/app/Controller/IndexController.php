<?php

declare(strict_types=1);

namespace App\Controller;

use App\Annotation\Leak;
use Hyperf\Di\Annotation\AnnotationCollector;
use Hyperf\HttpServer\Annotation\Controller;
use Hyperf\HttpServer\Annotation\GetMapping;
use Leaks\About;
use Leaks\Router;

#[Controller]
final class IndexController
{
    public function __construct(private Router $catalogue)
    {
    }

    /** @return array{routes: list<array<string, mixed>>} */
    #[GetMapping(path: '/')]
    public function index(): array
    {
        $catalogue = json_decode($this->catalogue->index()->body, true, flags: JSON_THROW_ON_ERROR);

        return ['routes' => [...$catalogue['routes'], ...$this->annotated()]];
    }

    /** @return list<array<string, mixed>> */
    private function annotated(): array
    {
        $rows = [];
        foreach (AnnotationCollector::getClassesByAnnotation(Leak::class) as $class => $leak) {
            $path = AnnotationCollector::getClassAnnotation($class, Controller::class)->prefix;
            $rows[] = [
                'method' => 'GET',
                'path' => $path,
                'clean' => "{$path}/clean",
                'kind' => About::LEAK,
                'cause' => $leak->cause,
                'bytes' => $leak->bytes,
                'summary' => $leak->summary,
            ];
        }

        return $rows;
    }
}
