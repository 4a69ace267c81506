"""The small window of the first start: what will happen, what happens, what went wrong; Tk, for Qt is not there yet."""

import queue
import threading
import tkinter as tk
from tkinter import ttk

import environment
import told
from environment import CancelledError, Place, SetUpError

_EVERY = 100
"""Milliseconds between looks at what the other thread says."""
CANCELLED = 130


def set_up(place: Place) -> int:
    """Show the window until all is set up or the person gives up; 0: done."""
    window = _Window(place)
    window.root.mainloop()
    return window.code


class _Window:
    """One column: a title, a sentence, a bar, the step, buttons."""

    def __init__(self, place: Place) -> None:
        self.code = CANCELLED
        self._place = place
        self._said: queue.Queue[str | SetUpError | None] = queue.Queue()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None
        self.root = tk.Tk(className="penjing")
        self.root.title(told.text("title"))
        self.root.resizable(False, False)
        self.root.protocol("WM_DELETE_WINDOW", self._give_up)
        ttk.Style().theme_use("clam")
        frame = ttk.Frame(self.root, padding=24)
        frame.grid()
        self._title = ttk.Label(frame, text=told.text("title"), font=("sans", 14, "bold"))
        first = told.text("first").format(folder=place.environment)
        self._text = ttk.Label(frame, text=f"{first}\n\n{told.text('size')}", wraplength=460, justify="left")
        self._bar = ttk.Progressbar(frame, length=460, mode="indeterminate")
        self._step = ttk.Label(frame, text="", wraplength=460)
        buttons = ttk.Frame(frame)
        self._begin = ttk.Button(buttons, text=told.text("begin"), command=self._start, default="active")
        self._cancel = ttk.Button(buttons, text=told.text("cancel"), command=self._give_up)
        self._begin.grid(row=0, column=0, padx=(0, 8))
        self._cancel.grid(row=0, column=1)
        for row, widget in enumerate((self._title, self._text, self._bar, self._step)):
            widget.grid(row=row, column=0, sticky="w", pady=(0, 12))
        buttons.grid(row=4, column=0, sticky="e")
        self.root.bind("<Return>", lambda event: self._start())
        self.root.bind("<Escape>", lambda event: self._give_up())
        self._begin.focus_set()

    def _start(self) -> None:
        if self._thread is not None:
            return
        self._title.configure(text=told.text("title"))
        self._begin.state(["disabled"])
        self._bar.start(12)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        self.root.after(_EVERY, self._hear)

    def _work(self) -> None:
        try:
            environment.set_up(self._place, self._said.put, self._cancelled)
        except CancelledError:
            return
        except SetUpError as problem:
            self._said.put(problem)
        else:
            self._said.put(None)

    def _hear(self) -> None:
        while not self._said.empty():
            said = self._said.get()
            if said is None:
                self.code = 0
                self.root.destroy()
                return
            if isinstance(said, SetUpError):
                self._fail(said)
                return
            self._step.configure(text=said)
        self.root.after(_EVERY, self._hear)

    def _fail(self, problem: SetUpError) -> None:
        self.code = 1
        self._thread = None
        self._bar.stop()
        self._title.configure(text=told.text("failed"))
        self._text.configure(text=f"{problem}\n\n{problem.hint}")
        self._step.configure(text="")
        self._begin.configure(text=told.text("retry"))
        self._begin.state(["!disabled"])
        self._cancel.configure(text=told.text("close"))

    def _give_up(self) -> None:
        self._cancelled.set()
        if self._thread is not None:
            self._thread.join(timeout=10)  # what is half made goes
        self.root.destroy()
