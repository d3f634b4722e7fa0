package lexsearch;

import java.io.IOException;

/** An index that was made in another way than the one expected. */
public final class OutdatedLayout extends IOException {
  private static final long serialVersionUID = 1;

  OutdatedLayout(String note) {
    super(note);
  }
}
